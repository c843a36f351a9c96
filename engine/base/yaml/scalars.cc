#include "engine/base/yaml/scalars.h"

#include "engine/base/yaml/marks.h"

namespace tocsin::yaml {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Whatever the style, everything but white space stands in the file as in the decoded text and in that order, if quotes that are written
// twice and escapes are seen as one. So the two texts are walked together from one visible character to the next.
class Walk {
 public:
  Walk(std::string_view source, const Node& scalar) : source_(source), at_(behind_anchor(source, scalar.offset)) {
    style_ = at_ < source.size() ? source[at_] : '\0';
    if (style_ == '\'' || style_ == '"') ++at_;
    if (style_ == '|' || style_ == '>') {
      const size_t end_of_header = source.find('\n', at_);
      at_ = end_of_header == std::string_view::npos ? source.size() : end_of_header + 1;
    }
  }

  // The offset in the file of the next visible character, which is `wanted`; npos if the texts do not agree.
  size_t next(char wanted) {
    while (at_ < source_.size()) {
      if (is_space(source_[at_])) {
        ++at_;
        continue;
      }
      if (style_ == '"' && source_[at_] == '\\' && at_ + 1 < source_.size()) {
        const char escaped = source_[at_ + 1];
        if (escaped == 'n' || escaped == 't' || escaped == 'r' || is_space(escaped)) {  // decodes to white space, or to nothing
          at_ += 2;
          continue;
        }
        if (escaped != '"' && escaped != '\\' && escaped != '/') return std::string_view::npos;
        return take(2, escaped, wanted);
      }
      const bool doubled = style_ == '\'' && source_.substr(at_).starts_with("''");
      return take(doubled ? 2 : 1, source_[at_], wanted);
    }
    return std::string_view::npos;
  }

  // Behind the last character that was taken.
  size_t offset() const { return at_; }

 private:
  // A scalar begins at its anchor, if it has one.
  static size_t behind_anchor(std::string_view source, size_t offset) {
    if (offset >= source.size() || source[offset] != '&') return offset;
    while (offset < source.size() && !is_space(source[offset])) ++offset;
    while (offset < source.size() && is_space(source[offset])) ++offset;
    return offset;
  }

  size_t take(size_t bytes, char found, char wanted) {
    if (found != wanted) return std::string_view::npos;
    const size_t begin = at_;
    at_ += bytes;
    return begin;
  }

  std::string_view source_;
  size_t at_;
  char style_ = '\0';
};

}  // namespace

std::vector<Mark> locate_scalar(std::string_view source, const Node& scalar) {
  std::vector<Mark> marks;
  marks.reserve(scalar.text.size() + 1);
  Walk walk(source, scalar);
  MarkFinder finder(source);
  Mark behind = finder.at(walk.offset());
  for (const char c : scalar.text) {
    if (is_space(c)) {
      marks.push_back(behind);
      continue;
    }
    const size_t offset = walk.next(c);
    if (offset == std::string_view::npos) break;
    marks.push_back(finder.at(offset));
    behind = finder.at(walk.offset());
  }
  const bool complete = marks.size() == scalar.text.size();
  marks.resize(scalar.text.size() + 1, complete ? behind : scalar.mark);
  return marks;
}

}  // namespace tocsin::yaml
