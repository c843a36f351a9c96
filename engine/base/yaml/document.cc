#include "engine/base/yaml/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "engine/base/utf8.h"
#include "engine/base/yaml/marks.h"
#include "engine/base/yaml/scalars.h"

namespace tocsin::yaml {
namespace {

// What the handler below finds wrong; thrown through yaml-cpp and caught in parse().
struct Refused : std::exception {
  Refused(size_t at, std::string why) : offset(at), message(std::move(why)) {}
  size_t offset;
  std::string message;
};

// Builds the tree from yaml-cpp's events.
//
// Invariants: (1) open_ is the path from the root to the collection that is being filled; its nodes are owned here until they close;
//             (2) nodes_ and bytes_ count everything that was built, copies of anchored nodes included.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view source) : marks_(source) {}

  Node take_root() { return std::move(root_); }
  size_t begin_offset() const { return begin_offset_; }

  void OnDocumentStart(const YAML::Mark& mark) override { begin_offset_ = offset_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(node_at(Node::Kind::kNull, mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw Refused(offset_of(mark), "an alias may not stand inside the node that it names");
    count_copy(found->second, offset_of(mark));
    add(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    refuse_tag(mark, tag);
    Node node = node_at(Node::Kind::kScalar, mark);
    node.text = value;
    node.plain = tag == "?";
    count_bytes(value.size(), node.offset);
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    begin(Node::Kind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value /*style*/) override {
    begin(Node::Kind::kMapping, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // of a mapping: the last entry still waits for its value
  };

  static size_t offset_of(const YAML::Mark& mark) { return mark.pos < 0 ? 0 : static_cast<size_t>(mark.pos); }

  Node node_at(Node::Kind kind, const YAML::Mark& mark) {
    Node node;
    node.kind = kind;
    node.offset = offset_of(mark);
    node.mark = marks_.at(node.offset);
    if (++nodes_ > kMaxNodes) throw Refused(node.offset, fmt::format("the file has more than {} nodes", kMaxNodes));
    return node;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") throw Refused(offset_of(mark), fmt::format("tags such as {} are not supported", tag));
  }

  void count_bytes(size_t bytes, size_t offset) {
    bytes_ += bytes;
    if (bytes_ > kMaxScalarBytes) throw Refused(offset, fmt::format("the file's texts take more than {} bytes", kMaxScalarBytes));
  }

  // Before a copy is made: nested aliases could double with every level.
  void count_copy(const Node& node, size_t offset) {
    count_bytes(node.text.size(), offset);
    if (++nodes_ > kMaxNodes) throw Refused(offset, fmt::format("with its aliases the file has more than {} nodes", kMaxNodes));
    for (const Node& item : node.items) count_copy(item, offset);
    for (const Entry& entry : node.entries) {
      count_copy(entry.key, offset);
      count_copy(entry.value, offset);
    }
  }

  void begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (open_.size() >= static_cast<size_t>(kMaxNesting)) {
      throw Refused(offset_of(mark), fmt::format("the file is nested more than {} deep", kMaxNesting));
    }
    const bool is_key = !open_.empty() && open_.back().node.kind == Node::Kind::kMapping && !open_.back().has_key;
    if (is_key) throw Refused(offset_of(mark), "a key has to be a plain or quoted text; is a bracket not closed?");
    open_.push_back({node_at(kind, mark), anchor, false});
  }

  void end() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      count_copy(node, node.offset);
      anchored_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.node.entries.back().value = std::move(node);
      parent.has_key = false;
    } else {
      if (node.kind != Node::Kind::kScalar) throw Refused(node.offset, "a key has to be a plain or quoted text");
      parent.node.entries.push_back({std::move(node), {}});
      parent.has_key = true;
    }
  }

  MarkFinder marks_;
  Node root_;
  size_t begin_offset_ = 0;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchored_;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Control characters are no YAML, and yaml-cpp takes one of them (EOT) for the end of its input.
std::optional<size_t> find_control_character(std::string_view text) {
  const auto found = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
  });
  if (found == text.end()) return std::nullopt;
  return static_cast<size_t>(found - text.begin());
}

Status check_text(const Document& document) {
  const std::string_view text = document.source;
  if (text.size() > kMaxFileBytes) {
    return invalid_argument(fmt::format("{}: the file is larger than {} bytes", document.file, kMaxFileBytes));
  }
  const auto refuse = [&](size_t offset, std::string_view why) {
    return invalid_argument(document.message(MarkFinder(text).at(offset), why));
  };
  if (const std::optional<size_t> at = find_invalid_utf8(text)) return refuse(*at, "the file is not UTF-8");
  if (const std::optional<size_t> at = find_control_character(text)) return refuse(*at, "a control character is no YAML");
  return {};
}

// Reads the only document of `source`.
Node read_document(std::string_view source) {
  std::istringstream stream{std::string(source)};
  YAML::Parser parser(stream);
  TreeBuilder first(source);
  parser.HandleNextDocument(first);
  TreeBuilder second(source);
  if (parser.HandleNextDocument(second)) throw Refused(second.begin_offset(), "a second document begins here; a file holds one");
  return first.take_root();
}

}  // namespace

std::string Document::message(Mark mark, std::string_view text) const {
  return fmt::format("{}:{}:{}: {}", file, mark.line, mark.column, text);
}

std::vector<Mark> Document::marks_of(const Node& scalar) const { return locate_scalar(source, scalar); }

std::string Node::describe() const {
  constexpr size_t kMaxShownBytes = 40;
  switch (kind) {
    case Kind::kNull: return "nothing";
    case Kind::kSequence: return "a sequence";
    case Kind::kMapping: return "a mapping";
    case Kind::kScalar: break;
  }
  if (text.size() > kMaxShownBytes || text.find('\n') != std::string::npos) return "a long text";
  return plain ? fmt::format("'{}'", text) : fmt::format("the string \"{}\"", text);
}

Result<Document> parse(std::string file, std::string text) {
  Document document;
  document.file = std::move(file);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  document.source = std::move(text);
  TOCSIN_RETURN_IF_ERROR(check_text(document));
  const auto refuse = [&](size_t offset, const std::string& why) {
    return invalid_argument(document.message(MarkFinder(document.source).at(std::min(offset, document.source.size())), why));
  };
  try {
    document.root = read_document(document.source);
  } catch (const Refused& refused) {
    return refuse(refused.offset, refused.message);
  } catch (const YAML::Exception& exception) {
    return refuse(exception.mark.is_null() ? 0 : static_cast<size_t>(exception.mark.pos), "no YAML: " + exception.msg);
  }
  return document;
}

}  // namespace tocsin::yaml
