# Third-party packages. Versions and reasons: docs/dependencies.md. All of them are installed by `./dev setup`.

# What `./dev setup` builds itself (librdkafka) lies in this prefix; it wins over the system's.
if(DEFINED ENV{TOCSIN_DEPS})
  set(default_prefix "$ENV{TOCSIN_DEPS}/prefix")
else()
  set(default_prefix "${CMAKE_SOURCE_DIR}/.deps/prefix")
endif()
set(TOCSIN_DEPS_PREFIX "${default_prefix}" CACHE PATH "Where ./dev setup installs what the distribution lacks")
list(PREPEND CMAKE_PREFIX_PATH "${TOCSIN_DEPS_PREFIX}")
set(ENV{PKG_CONFIG_PATH} "${TOCSIN_DEPS_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Base
find_package(absl REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(mimalloc 2.0 REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)

pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core>=1.0)  # the core alone: no server, no client

# Formats
find_package(Protobuf 3.21 REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(ZLIB REQUIRED)

# Log, state, operators. Not named `zstd`: the variables of that would lead RocksDB's own search for zstd astray.
find_package(RocksDB 7.8 REQUIRED)
pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka>=2.12)
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy>=1.0 libhwy-contrib)

# Command line, tests, benchmarks
find_package(CLI11 2.1 REQUIRED)
find_package(GTest 1.12 REQUIRED)
find_package(benchmark 1.7 REQUIRED)
