#include <gtest/gtest.h>

#include "engine/base/utf8.h"
#include "engine/base/yaml/document.h"
#include "engine/base/yaml/reader.h"
#include "engine/base/yaml/suggest.h"

namespace tocsin::yaml {
namespace {

Document parsed(std::string text) {
  Result<Document> document = parse("f.yaml", std::move(text));
  EXPECT_TRUE(document.ok()) << document.status().message();
  return document.ok() ? std::move(document).value() : Document{};
}

std::string error_of(std::string text) { return parse("f.yaml", std::move(text)).status().message(); }

// The place of `needle` of the decoded text of the value of "k".
std::string place(const std::string& text, std::string_view needle) {
  const Document document = parsed(text);
  const Node& scalar = document.root.entries.at(0).value;
  const size_t offset = scalar.text.find(needle);
  EXPECT_NE(offset, std::string::npos) << scalar.text;
  const Mark mark = document.marks_of(scalar).at(offset);
  return std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

TEST(Yaml, NodesKnowWhereTheyStand) {
  const Document document = parsed("a: 1\nüb:\n  - x\n  - {c: \"d\"}\n");
  const std::vector<Entry>& entries = document.root.entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].value.mark, (Mark{1, 4}));
  EXPECT_EQ(entries[1].key.mark, (Mark{2, 1}));
  EXPECT_EQ(entries[1].value.items[0].mark, (Mark{3, 5}));
  const Entry& inner = entries[1].value.items[1].entries[0];
  EXPECT_EQ(inner.value.mark, (Mark{4, 9}));
  EXPECT_FALSE(inner.value.plain);
  EXPECT_TRUE(entries[0].value.plain);
}

TEST(Yaml, PlacesInsideScalarsOfEveryStyle) {
  EXPECT_EQ(place("k: foo bar", "bar"), "1:8");
  EXPECT_EQ(place("k: föö bar", "bar"), "1:8");
  EXPECT_EQ(place("k: foo\n   bar baz", "baz"), "2:8");
  EXPECT_EQ(place("k: 'it''s bar'", "bar"), "1:11");
  EXPECT_EQ(place("k: \"a\\\"b \\\\ bar\"", "bar"), "1:13");
  EXPECT_EQ(place("k: \"a\\nb bar\"", "bar"), "1:10");
  EXPECT_EQ(place("k: |\n  foo\n  bar\n", "bar"), "3:3");
  EXPECT_EQ(place("k: >- # why\n  foo\n\n  bar\n", "bar"), "4:3");
  EXPECT_EQ(place("k: &x foo bar", "bar"), "1:11");
  EXPECT_EQ(place("k: \"\\u00e4 bar\"", "bar"), "1:4");  // numeric escapes: the start of the scalar
}

TEST(Yaml, TheFirstPlaceOfAFileWithoutNodesIsItsBeginning) {
  for (const char* text : {"", "# only a comment\n"}) {
    const Document document = parsed(text);
    Problems problems(document);
    static_cast<void>(read_sequence(document.root, "the file", problems));
    EXPECT_EQ(problems.status().message(), "f.yaml:1:1: expected a sequence for the file, found nothing") << text;
  }
}

TEST(Yaml, SyntaxErrorsHavePlaces) {
  EXPECT_EQ(error_of("a: [1, 2\nb: 3\n").substr(0, 9), "f.yaml:2:");
  EXPECT_EQ(error_of("a: b: c").substr(0, 9), "f.yaml:1:");
  EXPECT_NE(error_of("\"abc").find("f.yaml:1:"), std::string::npos);
}

TEST(Yaml, WhatIsNotSupportedIsRefused) {
  EXPECT_EQ(error_of("a: 1\n---\nb: 2\n"), "f.yaml:2:1: a second document begins here; a file holds one");
  EXPECT_EQ(error_of("a: !!int 5\n"), "f.yaml:1:4: tags such as tag:yaml.org,2002:int are not supported");
  EXPECT_EQ(error_of("? [1]\n: 2\n"), "f.yaml:1:3: a key has to be a plain or quoted text; is a bracket not closed?");
  EXPECT_EQ(error_of("~: 2\n"), "f.yaml:1:1: a key has to be a plain or quoted text");
  EXPECT_EQ(error_of("a: \xff\n"), "f.yaml:1:4: the file is not UTF-8");
  EXPECT_EQ(error_of("a: \x04\n"), "f.yaml:1:4: a control character is no YAML");
  EXPECT_EQ(error_of(std::string(kMaxFileBytes + 1, ' ')), "f.yaml: the file is larger than 1048576 bytes");
}

TEST(Yaml, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(parsed("\xEF\xBB\xBF"
                   "a: 1")
                .root.entries.at(0)
                .key.mark,
            (Mark{1, 1}));
}

TEST(Yaml, NestingIsBounded) {
  std::string flow;
  for (int i = 0; i < 100; ++i) flow += "[\n ";
  flow += std::string(100, ']');
  EXPECT_NE(error_of(flow).find("nested more than 64 deep"), std::string::npos);
  EXPECT_NE(error_of(std::string(100'000, '[')), "");
  EXPECT_NE(error_of(std::string(100'000, '{')), "");
  std::string block;
  for (int i = 0; i < 300; ++i) block += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_NE(error_of(block).find("nested more than 64 deep"), std::string::npos);
  std::string compact;
  for (int i = 0; i < 10'000; ++i) compact += "- ";
  EXPECT_NE(error_of(compact).find("nested more than 64 deep"), std::string::npos);
}

TEST(Yaml, AliasesExpandWithinTheLimits) {
  const Document document = parsed("a: &x {b: c}\nd: *x\n");
  EXPECT_EQ(document.root.entries.at(1).value.entries.at(0).value.text, "c");
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += "," + before;
    bomb += "]\n";
  }
  EXPECT_NE(error_of(bomb).find("nodes"), std::string::npos);
  std::string long_text = "a: &x " + std::string(500'000, 'x') + "\nb: [*x";
  for (int i = 0; i < 20; ++i) long_text += ", *x";
  EXPECT_NE(error_of(long_text + "]\n").find("bytes"), std::string::npos);
  EXPECT_NE(error_of("a: &x [*x]\n"), "");
}

TEST(Yaml, ReaderFindsEveryMistakeInOneGo) {
  const Document document =
      parsed("name: x\nname: y\nfor: 5\nflag: \"true\"\ncount: 1.5\nby: [a, b]\nlabels: {a: [], b: 1.10, c: true}\nexprr: 1\n");
  Problems problems(document);
  MappingReader reader(document.root, "a rule", problems);
  EXPECT_EQ(reader.text("name"), "x");
  EXPECT_EQ(reader.duration("for"), std::nullopt);
  EXPECT_EQ(reader.boolean("flag"), std::nullopt);
  EXPECT_EQ(reader.integer("count"), std::nullopt);
  EXPECT_EQ(reader.text("by"), std::nullopt);
  const auto labels = reader.text_map("labels");
  ASSERT_TRUE(labels.has_value());
  EXPECT_EQ(labels->at("b"), "1.10");
  EXPECT_EQ(labels->at("c"), "true");
  EXPECT_EQ(reader.text("expr", MappingReader::kRequired), std::nullopt);
  reader.finish();
  EXPECT_EQ(problems.status().message(),
            "f.yaml:1:1: 'expr' is missing in a rule\n"
            "f.yaml:2:1: key 'name' stands twice in a rule\n"
            "f.yaml:3:6: expected a duration such as 90s or 1h30m for 'for', found '5'\n"
            "f.yaml:4:7: expected true or false for 'flag', found the string \"true\"\n"
            "f.yaml:5:8: expected a whole number for 'count', found '1.5'\n"
            "f.yaml:6:5: expected a text for 'by', found a sequence\n"
            "f.yaml:7:13: expected a text for 'a' in 'labels', found a sequence\n"
            "f.yaml:8:1: unknown key 'exprr' in a rule; did you mean 'expr'?");
}

TEST(Yaml, ReaderTakesTheRightTypes) {
  const Document document = parsed("d: 1h30m\nq: \"90s\"\nz: 0\nn: -3\nt: true\nneg: -5s\ncentury: 60000d\nempty:\n");
  Problems problems(document);
  MappingReader reader(document.root, "it", problems);
  EXPECT_EQ(reader.duration("d"), Duration{5'400'000});
  EXPECT_EQ(reader.duration("q"), Duration{90'000});
  EXPECT_EQ(reader.duration("z"), Duration{0});
  EXPECT_EQ(reader.integer("n"), -3);
  EXPECT_EQ(reader.boolean("t"), true);
  EXPECT_EQ(reader.text("absent"), std::nullopt);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(reader.integer("n", 0), std::nullopt);
  EXPECT_EQ(reader.duration("neg"), std::nullopt);
  EXPECT_EQ(reader.duration("century"), std::nullopt);
  EXPECT_EQ(reader.text("empty"), std::nullopt);
  EXPECT_EQ(problems.status().message(),
            "f.yaml:4:4: expected a whole number of at least 0 for 'n', found '-3'\n"
            "f.yaml:6:6: 'neg' is negative: '-5s'\n"
            "f.yaml:7:10: 'century' is longer than a hundred years: '60000d'\n"
            "f.yaml:9:1: expected a text for 'empty', found nothing");
}

TEST(Yaml, TooManyProblemsAreCounted) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const Document document = parsed(text);
  Problems problems(document);
  MappingReader(document.root, "it", problems).finish();
  EXPECT_EQ(problems.sorted().size(), kMaxProblems + 1);
  EXPECT_EQ(problems.sorted().back().text, "f.yaml: and 50 more");
}

TEST(Suggest, OffersTheNearestWordOnly) {
  EXPECT_EQ(did_you_mean("exprr", {"alert", "expr", "for"}), "; did you mean 'expr'?");
  EXPECT_EQ(did_you_mean("severtiy", {"alert", "severity"}), "; did you mean 'severity'?");
  EXPECT_EQ(did_you_mean("warn", {"WARN"}), "; did you mean 'WARN'?");
  EXPECT_EQ(did_you_mean("zzz", {"alert", "expr"}), "");
  EXPECT_EQ(did_you_mean("", {"alert"}), "");
}

TEST(Marks, CountFromOneAlsoWhereALineBeginsInsideOfACharacter) {
  EXPECT_EQ(error_of("\xBF"), "f.yaml:1:1: the file is not UTF-8");
  EXPECT_EQ(error_of("a\n\xBF"), "f.yaml:2:1: the file is not UTF-8");
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  EXPECT_EQ(find_invalid_utf8("aé€😀"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("a\xC0\xAF"), 1U);         // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);      // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("ab\xE2\x82"), 2U);        // cut off
  EXPECT_EQ(count_code_points("aé€😀"), 4U);
}

}  // namespace
}  // namespace tocsin::yaml
