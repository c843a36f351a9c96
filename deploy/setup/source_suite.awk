# Turns the machine's own apt sources into source-package entries of another suite.
#
# -v format=deb822|oneline   the format of the input; the output has the same
# -v codename=bookworm       the release the machine runs: only entries of this suite are taken (no -updates, -security, third parties)
# -v suite=forky             the suite to ask for instead
#
# URIs, components, keyrings and options stay as they are.

function is_release(name) { return name == codename || name == "stable" || name == "oldstable" }

function flush_stanza(   i) {
  if (taken && !disabled && count > 0) {
    for (i = 1; i <= count; ++i) print lines[i]
    print ""
  }
  count = taken = disabled = dropping = in_suites = 0
}

function look_for_release(from,   i) { for (i = from; i <= NF; ++i) if (is_release($i)) taken = 1 }

format == "deb822" && /^[ \t]*$/ { flush_stanza(); next }
format == "deb822" && /^#/ { next }
format == "deb822" {
  # A continuation line (an embedded key, for example) goes where its field went.
  if ($0 ~ /^[ \t]/) {
    if (in_suites) look_for_release(1); else if (!dropping) lines[++count] = $0
    next
  }
  dropping = in_suites = 0
  field = tolower(substr($0, 1, index($0, ":") - 1))
  if (field == "types") {
    lines[++count] = "Types: deb-src"
  } else if (field == "suites") {
    look_for_release(2)
    lines[++count] = "Suites: " suite
    in_suites = 1
  } else if (field == "enabled") {
    disabled = tolower($2) ~ /^(no|false|off|0)$/
  } else if (field == "architectures") {
    dropping = 1
  } else {
    lines[++count] = $0
  }
}

format == "oneline" && ($1 == "deb" || $1 == "deb-src") {
  sub(/#.*/, "")
  options = ""
  rest = $0
  sub(/^[ \t]*deb(-src)?[ \t]+/, "", rest)
  if (rest ~ /^\[/) {
    end = index(rest, "]")
    options = substr(rest, 1, end) " "
    rest = substr(rest, end + 1)
  }
  n = split(rest, word, /[ \t]+/)
  first = word[1] == "" ? 2 : 1
  if (!is_release(word[first + 1])) next
  entry = "deb-src " options word[first] " " suite
  for (i = first + 2; i <= n; ++i) entry = entry " " word[i]
  if (!(entry in seen)) print entry
  seen[entry] = 1
}

END { if (format == "deb822") flush_stanza() }
