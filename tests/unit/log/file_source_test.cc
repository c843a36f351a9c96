#include "engine/log/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <random>
#include <thread>

#include "engine/log/memory_log.h"
#include "engine/log/padding.h"
#include "tests/unit/log/recording_listener.h"
#include "tests/unit/temporary_directory.h"

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  TOCSIN_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  TOCSIN_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()) + 4, '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);  // as the zstd tool does
  const size_t size = ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  TOCSIN_CHECK(ZSTD_isError(size) == 0, "ZSTD_compress2");
  out.resize(size);
  return out;
}

std::string delimited(const std::vector<std::string>& messages) {
  std::string out;
  for (const std::string& message : messages) {
    size_t length = message.size();
    for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(0x80 | (length & 0x7f)));
    out.push_back(static_cast<char>(length));
    out += message;
  }
  return out;
}

// "0\n1\n2\n" …, some lines longer than others.
std::vector<std::string> many_messages(int count, size_t length_max) {
  std::mt19937 random(7);
  std::vector<std::string> messages;
  messages.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) messages.push_back(fmt::format("{}{}", i, std::string(random() % length_max, 'x')));
  return messages;
}

std::string lines(const std::vector<std::string>& messages) { return fmt::format("{}\n", fmt::join(messages, "\n")); }

class FileSourceTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content) {
    std::string path = directory_.file(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::unique_ptr<FileSource> open(std::vector<std::string> paths, FileSourceOptions options = {}) {
    options.paths = std::move(paths);
    Result<std::unique_ptr<FileSource>> source = FileSource::open(std::move(options), listener_);
    TOCSIN_CHECK(source.ok(), source.status().message());
    return std::move(*source);
  }

  // Polls until nothing more comes; an error is the last value.
  std::vector<std::string> read_all(FileSource& source) {
    std::vector<std::string> all;
    while (true) {
      std::vector<std::string> values = poll_values(source);
      if (values.empty()) return all;
      all.insert(all.end(), values.begin(), values.end());
      if (values.back().starts_with("error")) return all;
    }
  }

  std::vector<std::string> values_of(const std::string& name, const std::string& content, FileSourceOptions options = {}) {
    return read_all(*open({file(name, content)}, std::move(options)));
  }

  const TemporaryDirectory directory_;
  RecordingListener listener_;
};

TEST_F(FileSourceTest, ALineIsAMessage) {
  EXPECT_THAT(values_of("a.jsonl", "one\ntwo\r\n three \n"), ElementsAre("one", "two", " three "));
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0", "finished 0"));
}

TEST_F(FileSourceTest, TheLastLineNeedsNoNewline) {
  EXPECT_THAT(values_of("a.jsonl", "one\ntwo"), ElementsAre("one", "two"));
  EXPECT_THAT(values_of("b.jsonl", "one\ntwo\r"), ElementsAre("one", "two"));
}

TEST_F(FileSourceTest, BlankLinesAreNoMessagesAndTakeNoOffset) {
  const auto source = open({file("a.jsonl", "\none\n\r\n \t\ntwo\n\n")});
  RecordBatch batch;
  ASSERT_TRUE(source->poll({}, batch).ok());
  ASSERT_EQ(batch.records.size(), 2U);
  EXPECT_EQ(batch.records[0].offset, 0);
  EXPECT_EQ(batch.records[1].offset, 1);
  EXPECT_EQ(source->position(0), 2);
}

TEST_F(FileSourceTest, AnEmptyFileIsFinishedAtOnce) {
  const auto source = open({file("a.jsonl", ""), file("b.pb", ""), file("c.jsonl", "\n\n")});
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0 1 2", "finished 0", "finished 1", "finished 2"));
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), IsEmpty());
}

TEST_F(FileSourceTest, AFileIsFinishedOnlyAfterItsLastMessageWasHandedOut) {
  const auto source = open({file("a.jsonl", "one\n")});
  EXPECT_THAT(poll_values(*source), ElementsAre("one"));
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0"));
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("finished 0"));
}

TEST_F(FileSourceTest, ReadsGzipAndZstdWhateverTheNameSays) {
  const std::vector<std::string> messages = many_messages(50'000, 100);
  const std::string text = lines(messages);
  EXPECT_EQ(values_of("a.jsonl.gz", gzip(text)), messages);
  EXPECT_EQ(values_of("a.jsonl.zst", zstd(text)), messages);
  EXPECT_EQ(values_of("b.jsonl.gz", zstd(text)), messages);
  EXPECT_EQ(values_of("b.jsonl", gzip(text)), messages);
  EXPECT_EQ(values_of("c.jsonl", zstd(text)), messages);
  EXPECT_EQ(values_of("d.jsonl", text), messages);
}

TEST_F(FileSourceTest, ReadsManyMembersAndFramesAsOneFile) {
  EXPECT_THAT(values_of("a.jsonl.gz", gzip("one\ntw") + gzip("") + gzip("o\nthree")), ElementsAre("one", "two", "three"));
  EXPECT_THAT(values_of("b.jsonl.gz", gzip("one\n") + std::string(512, '\0')), ElementsAre("one"));
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_THAT(values_of("c.jsonl.zst", skippable + zstd("one\ntw") + zstd("") + skippable + zstd("o\nthree")),
              ElementsAre("one", "two", "three"));
}

TEST_F(FileSourceTest, OutputThatEndsExactlyWithTheBufferIsNotTakenForATruncation) {
  for (size_t length = 65'500; length < 65'560; ++length) {
    const std::string text = std::string(length, 'x') + "\n";
    FileSourceOptions options;
    options.poll_bytes_max = 65'536;
    EXPECT_THAT(values_of("a.jsonl.gz", gzip(text) + gzip(text), options), ElementsAre(std::string(length, 'x'), std::string(length, 'x')));
    EXPECT_THAT(values_of("a.jsonl.zst", zstd(text) + zstd(text), options),
                ElementsAre(std::string(length, 'x'), std::string(length, 'x')));
  }
}

TEST_F(FileSourceTest, OutputThatWaitsForRoomIsHandedOutBeforeACutOffIsReported) {
  FileSourceOptions options;
  options.poll_bytes_max = 4'096;
  const std::vector<std::string> messages(50'000, "x");
  const std::string bytes = zstd(lines(messages));
  std::vector<std::string> values = values_of("a.jsonl.zst", bytes.substr(0, bytes.size() - 4), options);  // all but the checksum
  EXPECT_THAT(values.back(), HasSubstr("cut off"));
  values.pop_back();
  EXPECT_EQ(values, messages);
}

TEST_F(FileSourceTest, ReadsLengthDelimitedMessages) {
  std::vector<std::string> messages = many_messages(2'000, 3'000);
  messages.insert(messages.begin() + 5, "");
  messages.push_back(std::string(3'000'000, 'y') + "\n\n");
  EXPECT_EQ(values_of("a.pb", delimited(messages)), messages);
  EXPECT_EQ(values_of("a.pb.gz", gzip(delimited(messages))), messages);
  const auto source = open({file("b.pb", delimited({"m"})), file("b.jsonl", "m")});
  RecordBatch batch;
  ASSERT_TRUE(source->poll({}, batch).ok());
  EXPECT_EQ(batch.records[0].content_type, "application/x-protobuf");
  ASSERT_TRUE(source->poll({}, batch).ok());
  EXPECT_EQ(batch.records[0].content_type, "");
}

TEST_F(FileSourceTest, ValuesHaveReadablePadding) {
  FileSourceOptions options;
  options.poll_bytes_max = 10;
  const auto source = open({file("a.jsonl", lines(many_messages(500, 40)))}, options);
  RecordBatch batch;
  uint64_t sum = 0;
  do {
    ASSERT_TRUE(source->poll({}, batch).ok());
    for (const Record& each : batch.records) {
      EXPECT_TRUE(each.padded);
      // AddressSanitizer would object if this were not the batch's own memory.
      for (size_t i = 0; i < each.value.size() + kRecordPadding; ++i) sum += static_cast<unsigned char>(each.value.data()[i]) & 1U;
    }
  } while (!batch.records.empty());
  EXPECT_GT(sum, 0U);
}

TEST_F(FileSourceTest, ABatchOutlivesLaterPollsAndTheSource) {
  FileSourceOptions options;
  options.poll_bytes_max = 64;
  const std::vector<std::string> messages = many_messages(300, 30);
  auto source = open({file("a.jsonl", lines(messages))}, options);
  std::vector<RecordBatch> batches;
  do {
    ASSERT_TRUE(source->poll({}, batches.emplace_back()).ok());
  } while (!batches.back().records.empty());
  source.reset();
  std::vector<std::string> values;
  for (const RecordBatch& batch : batches) {
    for (const Record& each : batch.records) values.emplace_back(each.value);
  }
  EXPECT_EQ(values, messages);
}

TEST_F(FileSourceTest, BatchesAreBounded) {
  FileSourceOptions options;
  options.poll_records_max = 100;
  const auto source = open({file("a.jsonl", lines(many_messages(1'000, 10)))}, options);
  RecordBatch batch;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(source->poll({}, batch).ok());
    EXPECT_EQ(batch.records.size(), 100U);
    EXPECT_EQ(batch.records[0].offset, 100 * i);
  }
}

TEST_F(FileSourceTest, LinesMayBeHugeUpToTheLimit) {
  const std::string huge(64 << 20, 'h');
  EXPECT_THAT(values_of("a.jsonl.zst", zstd("a\n" + huge + "\nb\n")), ElementsAre("a", huge, "b"));
  const std::vector<std::string> values = values_of("b.jsonl.zst", zstd("a\n\n" + huge + "h\nb\n"));
  EXPECT_THAT(values, ElementsAre("a", "error invalid argument: " + directory_.file("b.jsonl.zst") +
                                           " line 3 is longer than the 67108864 bytes allowed"));
}

TEST_F(FileSourceTest, TheLimitHoldsForEveryFraming) {
  FileSourceOptions options;
  options.message_bytes_max = 10;
  EXPECT_THAT(values_of("a.jsonl", "0123456789\n0123456789x\n", options), ElementsAre("0123456789", HasSubstr("a.jsonl line 2 is longer")));
  EXPECT_THAT(values_of("b.jsonl", "0123456789x", options), ElementsAre(HasSubstr("b.jsonl line 1 is longer")));
  EXPECT_THAT(values_of("a.pb", delimited({"0123456789", "0123456789x"}), options),
              ElementsAre("0123456789", HasSubstr("a.pb message 2 is longer")));
}

TEST_F(FileSourceTest, CutOffAndCorruptFilesAreErrorsThatNameTheFileAndThePlace) {
  const std::vector<std::string> messages = many_messages(20'000, 100);
  const std::string text = lines(messages);
  for (const auto& [name, bytes] : {std::pair{"a.jsonl.gz", gzip(text)}, std::pair{"a.jsonl.zst", zstd(text)}}) {
    for (const size_t length : {bytes.size() - 1, bytes.size() / 2, size_t{5}}) {
      const auto source = open({file(name, bytes.substr(0, length))});
      const std::vector<std::string> values = read_all(*source);
      EXPECT_THAT(values.back(), testing::AllOf(HasSubstr("error data loss"), HasSubstr(name), HasSubstr(fmt::format("byte {}", length)),
                                                HasSubstr(fmt::format("line {}", values.size()))));
      EXPECT_TRUE(std::equal(values.begin(), values.end() - 1, messages.begin()));
      EXPECT_THAT(poll_values(*source), ElementsAre(values.back())) << "the error comes again";
    }
    std::string broken = bytes;
    for (size_t i = bytes.size() / 2; i < bytes.size() / 2 + 40; ++i) broken[i] = static_cast<char>(~broken[i]);
    EXPECT_THAT(values_of(name, broken).back(), testing::AllOf(HasSubstr("corrupt"), HasSubstr(name)));
    EXPECT_THAT(values_of(name, bytes + "garbage").back(), testing::AllOf(HasSubstr("corrupt"), HasSubstr(name)));
  }
  EXPECT_THAT(listener_.take_calls(), testing::Each("assigned 0"));
}

TEST_F(FileSourceTest, ANameThatPromisesCompressionIsHeldToIt) {
  EXPECT_THAT(values_of("a.jsonl.gz", "{}\n"), ElementsAre(HasSubstr("neither gzip nor zstd")));
  EXPECT_THAT(values_of("b.jsonl.zst", ""), ElementsAre(HasSubstr("neither gzip nor zstd")));
}

TEST_F(FileSourceTest, ACutOffDelimitedFileIsAnError) {
  const std::string bytes = delimited({"one", std::string(200, 'x')});
  EXPECT_THAT(values_of("a.pb", bytes.substr(0, bytes.size() - 1)),
              ElementsAre("one", HasSubstr("a.pb message 2: the file ends within it")));
  EXPECT_THAT(values_of("b.pb", bytes.substr(0, 5)), ElementsAre("one", HasSubstr("b.pb message 2: the file ends within it")));
  EXPECT_THAT(values_of("c.pb", std::string(11, '\xff')), ElementsAre(HasSubstr("no length begins here")));
}

TEST_F(FileSourceTest, RefusesWhatItCannotRead) {
  const auto code = [&](std::vector<std::string> paths) {
    FileSourceOptions options;
    options.paths = std::move(paths);
    return FileSource::open(std::move(options), listener_).status().code();
  };
  EXPECT_EQ(code({}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({directory_.file("none.jsonl")}), StatusCode::kNotFound);
  EXPECT_EQ(code({directory_.path().string()}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({file("a.csv", "")}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({"-", "-"}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({"-"}), StatusCode::kOk);
}

TEST_F(FileSourceTest, FilesArePartitionsInTheOrderGivenAndTakeTurns) {
  FileSourceOptions options;
  options.poll_records_max = 2;
  const auto source = open({file("b.jsonl", "b0\nb1\nb2\n"), file("a.jsonl", "a0\na1\na2\n")}, options);
  EXPECT_THAT(source->sources(), ElementsAre(TopicPartition{"files", 0}, TopicPartition{"files", 1}));
  EXPECT_EQ(source->partition_counts()->at(0), (std::pair<std::string, int32_t>{"files", 2}));
  EXPECT_THAT(poll_values(*source), ElementsAre("b0", "b1"));
  EXPECT_THAT(poll_values(*source), ElementsAre("a0", "a1"));
  EXPECT_THAT(poll_values(*source), ElementsAre("b2"));
  EXPECT_THAT(poll_values(*source), ElementsAre("a2"));
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0 1", "finished 0", "finished 1"));
}

TEST_F(FileSourceTest, ReadsManyFiles) {
  std::vector<std::string> paths;
  paths.reserve(300);
  for (int i = 0; i < 300; ++i) paths.push_back(file(fmt::format("{}.jsonl", i), fmt::format("{}\n", i)));
  const auto source = open(paths);
  EXPECT_EQ(read_all(*source).size(), 300U);
  EXPECT_EQ(listener_.take_calls().size(), 301U);
}

TEST_F(FileSourceTest, APausedFileWaitsAndIsNotFinished) {
  const auto source = open({file("a.jsonl", "a\n"), file("b.jsonl", "b\n")});
  source->pause(0);
  EXPECT_THAT(poll_values(*source), ElementsAre("b"));
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_EQ(source->position(0), 0);
  source->resume(0);
  EXPECT_THAT(poll_values(*source), ElementsAre("a"));
  source->pause(0);
  EXPECT_THAT(poll_values(*source), IsEmpty());
  source->resume(0);
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0 1", "finished 1", "finished 0"));
}

TEST_F(FileSourceTest, StartsAtAnOffset) {
  const std::string path = file("a.jsonl", lines({"0", "", "1", "2", "3"}));
  FileSourceOptions options;
  options.poll_records_max = 2;
  listener_.start = {StartPosition::Kind::kOffset, 3};
  EXPECT_THAT(read_all(*open({path}, options)), ElementsAre("3"));
  listener_.start.value = 4;
  EXPECT_THAT(read_all(*open({path}, options)), IsEmpty());
  listener_.start.value = 5;
  EXPECT_THAT(read_all(*open({path}, options)), ElementsAre(HasSubstr("has 4 messages; reading was to start at 5")));
  listener_.start = {StartPosition::Kind::kLatest};
  EXPECT_THAT(read_all(*open({path}, options)), ElementsAre(HasSubstr("error invalid argument")));
}

TEST_F(FileSourceTest, ItsOffsetsAreCommittedInAMemoryLogAndRewindGoesBackToThem) {
  MemoryLog log({.clock = [] { return WallTime{1}; }});
  const auto producer = log.producer("p");
  FileSourceOptions options;
  options.poll_records_max = 2;
  options.committed = [&](const TopicPartition& partition) { return log.committed("files", partition); };
  const auto source = open({file("a.jsonl", "a0\na1\na2\n"), file("b.jsonl", "b0\n")}, options);
  poll_values(*source);
  Transaction transaction{.records = {}, .offsets = {{{"files", 0}, source->position(0), "m"}}, .group = source->group_metadata()};
  ASSERT_TRUE(producer->commit(std::move(transaction)).ok());
  EXPECT_THAT(read_all(*source), ElementsAre("b0", "a2"));
  listener_.take_calls();
  ASSERT_TRUE(source->rewind().ok());
  EXPECT_EQ(source->position(0), 2);
  EXPECT_THAT(read_all(*source), ElementsAre("b0", "a2"));
  EXPECT_THAT(listener_.take_calls(), ElementsAre("lost 0 1", "assigned 0@2 1", "finished 1", "finished 0"));
  ASSERT_TRUE(source->close().ok());
  ASSERT_TRUE(source->close().ok());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("revoked 0 1"));
}

TEST_F(FileSourceTest, StandardInputIsHandedOutAsItArrives) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  FileSourceOptions options;
  options.stdin_descriptor = ends[0];
  const auto source = open({"-"}, options);
  ASSERT_EQ(::write(ends[1], "one\ntw", 6), 6);
  EXPECT_THAT(poll_values(*source), ElementsAre("one"));
  ASSERT_EQ(::write(ends[1], "o\n", 2), 2);
  EXPECT_THAT(poll_values(*source), ElementsAre("two"));
  EXPECT_EQ(source->rewind().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(source->progress().bytes_total, std::nullopt);
  ::close(ends[1]);
  EXPECT_THAT(poll_values(*source), IsEmpty());
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0", "finished 0"));
  ::close(ends[0]);
}

TEST_F(FileSourceTest, StandardInputMayBeCompressed) {
  const std::vector<std::string> messages = many_messages(50'000, 100);
  for (const std::string& bytes : {gzip(lines(messages)), zstd(lines(messages))}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::thread writer([&] {
      for (size_t at = 0; at < bytes.size(); at += 1'000) {
        const std::string piece = bytes.substr(at, 1'000);
        TOCSIN_CHECK(::write(ends[1], piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()), "write");
      }
      ::close(ends[1]);
    });
    FileSourceOptions options;
    options.stdin_descriptor = ends[0];
    EXPECT_EQ(read_all(*open({"-"}, options)), messages);
    writer.join();
    ::close(ends[0]);
  }
}

TEST_F(FileSourceTest, ProgressCountsTheBytesOfTheFiles) {
  const std::string packed = gzip(lines(many_messages(1'000, 50)));
  const auto source = open({file("a.jsonl.gz", packed), file("b.jsonl", "x\n")});
  EXPECT_EQ(source->progress().bytes_read, 0U);
  EXPECT_EQ(source->progress().bytes_total, packed.size() + 2);
  poll_values(*source);
  EXPECT_GT(source->progress().bytes_read, 0U);
  read_all(*source);
  EXPECT_EQ(source->progress().bytes_read, packed.size() + 2);
}

TEST_F(FileSourceTest, HasAnIdentityFromTheStart) {
  const auto source = open({file("a.jsonl", "x")});
  EXPECT_NE(source->group_metadata(), nullptr);
  source->probe_end(0);
  poll_values(*source);
  EXPECT_THAT(listener_.take_calls(), ElementsAre("assigned 0"));
}

}  // namespace
}  // namespace tocsin::log
