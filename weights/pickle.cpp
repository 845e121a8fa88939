#include "weights/pickle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "weights/pickle_ops.hpp"

namespace backlight::weights {
namespace {

constexpr std::size_t kLongestGlobal = 256;

/// Modules whose functions no file of weights has a reason to call. Nothing is ever called here; the list
/// only turns "no weights found" into a warning, and stops people from loading such a file elsewhere.
bool runs_code(std::string_view module, std::string_view name) {
  static constexpr std::array<std::string_view, 34> kModules = {
      "os",         "posix",    "nt",      "posixpath", "ntpath",    "sys",    "subprocess",
      "commands",   "runpy",    "pty",     "platform",  "importlib", "imp",    "socket",
      "webbrowser", "shutil",   "ctypes",  "code",      "codeop",    "timeit", "pdb",
      "bdb",        "cProfile", "profile", "trace",     "asyncio",   "urllib", "urllib2",
      "requests",   "httplib",  "pip",     "ftplib",    "telnetlib", "http"};
  static constexpr std::array<std::string_view, 8> kBuiltins = {
      "eval", "exec", "execfile", "compile", "open", "__import__", "input", "breakpoint"};
  const std::string_view package = module.substr(0, module.find('.'));
  if (package == "builtins" || package == "__builtin__" || package == "__builtins__") {
    return std::find(kBuiltins.begin(), kBuiltins.end(), name.substr(0, name.find('.'))) != kBuiltins.end();
  }
  return std::find(kModules.begin(), kModules.end(), package) != kModules.end();
}

class Machine {
 public:
  Machine(ByteReader& in, const CheckpointLimits& limits) : in_(in), limits_(limits) {}

  Pickle run() {
    while (true) {
      at_ = in_.position();
      const auto op = static_cast<Op>(in_.read<std::uint8_t>());
      if (op == Op::stop) break;
      step(op);
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      fail("STOP finds ", stack_.size(), " values and ", marks_.size(), " open marks; expected one value");
    }
    out_.root = stack_.back();
    return std::move(out_);
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(ErrorKind::bad_input, "malformed pickle at offset ", at_, ": ", parts...);
  }

  PickleNode& node(PickleId id) { return out_.nodes[id]; }

  void spend(std::size_t items) {
    if (items > limits_.pickle_items - std::min(spent_, limits_.pickle_items)) {
      throw Error(ErrorKind::bad_input, "the pickle holds more than ", limits_.pickle_items,
                  " items (stack, memo and containers); no file of weights needs as many");
    }
    spent_ += items;
  }

  /// A new node; its depth is one more than that of its deepest item.
  PickleId make(PickleKind kind, std::vector<PickleId> items = {}) {
    if (out_.nodes.size() >= limits_.pickle_nodes) {
      throw Error(ErrorKind::bad_input, "the pickle builds more than ", limits_.pickle_nodes,
                  " objects; no file of weights needs as many");
    }
    spend(items.size());
    PickleNode made;
    made.kind = kind;
    for (const PickleId item : items) deepen(made, item);
    made.items = std::move(items);
    out_.nodes.push_back(std::move(made));
    return static_cast<PickleId>(out_.nodes.size() - 1);
  }

  void deepen(PickleNode& parent, PickleId item) {
    const std::size_t depth = std::max<std::size_t>(parent.depth, std::size_t{node(item).depth} + 1);
    if (depth > limits_.pickle_depth) {
      throw Error(ErrorKind::bad_input, "the pickle nests deeper than ", limits_.pickle_depth, " levels");
    }
    parent.depth = static_cast<std::uint16_t>(depth);
  }

  void push(PickleId id) {
    spend(1);
    stack_.push_back(id);
  }
  void push_text(PickleKind kind, std::string_view text) {
    const PickleId id = make(kind);
    node(id).text = text;
    push(id);
  }
  void push_integer(PickleKind kind, std::int64_t value) {
    const PickleId id = make(kind);
    node(id).integer = value;
    push(id);
  }
  void push_real(double value) {
    const PickleId id = make(PickleKind::real);
    node(id).real = value;
    push(id);
  }

  PickleId top() const {
    if (stack_.size() <= floor()) fail("the stack is empty");
    return stack_.back();
  }
  PickleId pop() {
    const PickleId id = top();
    stack_.pop_back();
    return id;
  }
  /// Values below the innermost mark are out of reach until it is taken off.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("no mark is open");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return values;
  }

  void remember(std::uint64_t index) {
    const PickleId id = top();
    spend(1);
    memo_[index] = id;
  }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("memo entry ", index, " was never stored");
    push(found->second);
  }

  template <class T>
  T number(std::string_view digits) const {
    T value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) {
      fail("\"", printable(digits), "\" is not a number");
    }
    return value;
  }

  std::uint64_t length(std::int64_t count) const {
    if (count < 0) fail("negative length ", count);
    return static_cast<std::uint64_t>(count);
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push_text(PickleKind::big_integer, digits);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < digits.size(); ++i)
      value |= std::uint64_t{static_cast<std::uint8_t>(digits[i])} << 8 * i;
    const std::size_t unused = 64 - 8 * digits.size();
    if (digits.empty()) return push_integer(PickleKind::integer, 0);
    push_integer(PickleKind::integer, static_cast<std::int64_t>(value << unused) >> unused);
  }

  void push_decimal(std::string_view digits) {
    if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
    if (digits.size() > 18) return push_text(PickleKind::big_integer, digits);
    push_integer(PickleKind::integer, number<std::int64_t>(digits));
  }

  PickleId global(std::string_view module, std::string_view name) {
    if (module.size() > kLongestGlobal || name.size() > kLongestGlobal) fail("a global's name is too long");
    if (runs_code(module, name)) {
      throw Error(ErrorKind::bad_input, "hostile file: loading it in Python would call ", printable(module),
                  ".", printable(name),
                  ". Nothing was run here; delete the file and do not load it elsewhere");
    }
    const PickleId id = make(PickleKind::global);
    node(id).text = *out_.global_names.insert(text(module, ".", name)).first;
    return id;
  }

  void stack_global() {
    const PickleId name = pop(), module = pop();
    if (node(name).kind != PickleKind::string || node(module).kind != PickleKind::string) {
      fail("STACK_GLOBAL without two strings");
    }
    push(global(node(module).text, node(name).text));
  }

  /// REDUCE, NEWOBJ, OBJ, INST: recorded, except that dictionaries of the standard library become
  /// dictionaries.
  void call(PickleId callable, PickleId arguments) {
    const std::string_view name = node(callable).kind == PickleKind::global ? node(callable).text : "";
    if (name == "collections.OrderedDict" || name == "collections.defaultdict") {
      std::vector<PickleId> pairs;
      const PickleNode& given = node(arguments);
      if (given.kind == PickleKind::tuple && given.items.size() == 1 &&
          node(given.items[0]).kind == PickleKind::list) {
        for (const PickleId pair : node(given.items[0]).items) {
          const std::vector<PickleId>& two = node(pair).items;
          const PickleKind kind = node(pair).kind;
          if (two.size() != 2 || (kind != PickleKind::list && kind != PickleKind::tuple)) {
            fail("OrderedDict of something else than pairs");
          }
          pairs.insert(pairs.end(), two.begin(), two.end());
        }
      }
      return push(make(PickleKind::dict, std::move(pairs)));
    }
    push(make(PickleKind::call, {callable, arguments}));
  }

  void add(PickleId container, PickleKind kind, const std::vector<PickleId>& values, const char* op) {
    PickleNode& into = node(container);
    // A subclass of list or dict is a call here; what is put into it stays out of reach.
    if (into.kind == PickleKind::call) return;
    if (into.kind != kind) fail(op, " on a value that does not take it");
    spend(values.size());
    for (const PickleId value : values) deepen(into, value);
    into.items.insert(into.items.end(), values.begin(), values.end());
  }

  void build() {
    const PickleId state = pop(), target = top();
    PickleNode& into = node(target);
    if (into.kind != PickleKind::call) return;
    spend(1);
    deepen(into, state);
    into.items.push_back(state);
  }

  std::vector<PickleId> pairs_to_mark() {
    std::vector<PickleId> values = pop_to_mark();
    if (values.size() % 2 != 0) fail("a dictionary gets a key without a value");
    return values;
  }

  void step(Op op);
  void step_container(Op op);
  void step_text(Op op);

  ByteReader& in_;
  const CheckpointLimits& limits_;
  Pickle out_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleId> memo_;
  std::size_t spent_ = 0, at_ = 0;
};

void Machine::step(Op op) {
  switch (op) {
    case Op::proto: {
      const unsigned protocol = in_.read<std::uint8_t>();
      if (protocol > 5) fail("protocol ", protocol, "; expected at most 5");
      return;
    }
    case Op::frame: {
      const auto size = in_.read<std::uint64_t>();
      if (size > in_.remaining()) fail("a frame of ", size, " bytes, ", in_.remaining(), " are left");
      return;
    }
    case Op::none:
      return push(make(PickleKind::none));
    case Op::newtrue:
      return push_integer(PickleKind::boolean, 1);
    case Op::newfalse:
      return push_integer(PickleKind::boolean, 0);
    case Op::binint:
      return push_integer(PickleKind::integer, in_.read<std::int32_t>());
    case Op::binint1:
      return push_integer(PickleKind::integer, in_.read<std::uint8_t>());
    case Op::binint2:
      return push_integer(PickleKind::integer, in_.read<std::uint16_t>());
    case Op::long1:
      return push_long(in_.take_text(in_.read<std::uint8_t>()));
    case Op::long4:
      return push_long(in_.take_text(length(in_.read<std::int32_t>())));
    case Op::binfloat: {
      const auto bits = __builtin_bswap64(in_.read<std::uint64_t>());
      return push_real(std::bit_cast<double>(bits));
    }
    case Op::short_binstring:
      return push_text(PickleKind::string, in_.take_text(in_.read<std::uint8_t>()));
    case Op::binstring:
      return push_text(PickleKind::string, in_.take_text(length(in_.read<std::int32_t>())));
    case Op::short_binunicode:
      return push_text(PickleKind::string, in_.take_text(in_.read<std::uint8_t>()));
    case Op::binunicode:
      return push_text(PickleKind::string, in_.take_text(in_.read<std::uint32_t>()));
    case Op::binunicode8:
      return push_text(PickleKind::string, in_.take_text(in_.read<std::uint64_t>()));
    case Op::short_binbytes:
      return push_text(PickleKind::bytes, in_.take_text(in_.read<std::uint8_t>()));
    case Op::binbytes:
      return push_text(PickleKind::bytes, in_.take_text(in_.read<std::uint32_t>()));
    case Op::binbytes8:
    case Op::bytearray8:
      return push_text(PickleKind::bytes, in_.take_text(in_.read<std::uint64_t>()));
    case Op::binput:
      return remember(in_.read<std::uint8_t>());
    case Op::long_binput:
      return remember(in_.read<std::uint32_t>());
    case Op::memoize:
      return remember(memo_.size());
    case Op::binget:
      return recall(in_.read<std::uint8_t>());
    case Op::long_binget:
      return recall(in_.read<std::uint32_t>());
    case Op::binpersid:
      return push(make(PickleKind::persistent, {pop()}));
    case Op::stack_global:
      return stack_global();
    case Op::global: {
      const std::string_view module = in_.line(), name = in_.line();
      return push(global(module, name));
    }
    case Op::reduce:
    case Op::newobj: {
      const PickleId arguments = pop(), callable = pop();
      return call(callable, arguments);
    }
    case Op::newobj_ex: {
      const PickleId keywords = pop(), arguments = pop(), callable = pop();
      return push(make(PickleKind::call, {callable, arguments, keywords}));
    }
    case Op::build:
      return build();
    case Op::ext1:
    case Op::ext2:
    case Op::ext4:
      throw Error(ErrorKind::unsupported,
                  "the pickle uses Python's extension registry, which no file of weights does");
    case Op::next_buffer:
    case Op::readonly_buffer:
      throw Error(ErrorKind::unsupported,
                  "the pickle keeps buffers outside of itself (protocol 5); the data is not here");
    default:
      return step_container(op);
  }
}

void Machine::step_container(Op op) {
  switch (op) {
    case Op::mark:
      spend(1);
      marks_.push_back(stack_.size());
      return;
    case Op::pop:
      // As in Python, POP takes off a mark that has nothing above it.
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return;
    case Op::pop_mark:
      pop_to_mark();
      return;
    case Op::dup:
      return push(top());
    case Op::empty_tuple:
      return push(make(PickleKind::tuple));
    case Op::empty_list:
      return push(make(PickleKind::list));
    case Op::empty_dict:
      return push(make(PickleKind::dict));
    case Op::empty_set:
      return push(make(PickleKind::set));
    case Op::tuple:
      return push(make(PickleKind::tuple, pop_to_mark()));
    case Op::list:
      return push(make(PickleKind::list, pop_to_mark()));
    case Op::frozenset:
      return push(make(PickleKind::set, pop_to_mark()));
    case Op::dict:
      return push(make(PickleKind::dict, pairs_to_mark()));
    case Op::tuple1:
      return push(make(PickleKind::tuple, {pop()}));
    case Op::tuple2: {
      const PickleId b = pop(), a = pop();
      return push(make(PickleKind::tuple, {a, b}));
    }
    case Op::tuple3: {
      const PickleId c = pop(), b = pop(), a = pop();
      return push(make(PickleKind::tuple, {a, b, c}));
    }
    case Op::append: {
      const PickleId value = pop();
      return add(top(), PickleKind::list, {value}, "APPEND");
    }
    case Op::appends: {
      const std::vector<PickleId> values = pop_to_mark();
      return add(top(), PickleKind::list, values, "APPENDS");
    }
    case Op::additems: {
      const std::vector<PickleId> values = pop_to_mark();
      return add(top(), PickleKind::set, values, "ADDITEMS");
    }
    case Op::setitem: {
      const PickleId value = pop(), key = pop();
      return add(top(), PickleKind::dict, {key, value}, "SETITEM");
    }
    case Op::setitems: {
      const std::vector<PickleId> pairs = pairs_to_mark();
      return add(top(), PickleKind::dict, pairs, "SETITEMS");
    }
    case Op::obj: {
      std::vector<PickleId> values = pop_to_mark();
      if (values.empty()) fail("OBJ without a class");
      const PickleId callable = values.front();
      values.erase(values.begin());
      return call(callable, make(PickleKind::tuple, std::move(values)));
    }
    default:
      return step_text(op);
  }
}

/// Opcodes of protocols 0 and 1 whose argument is a line of text.
void Machine::step_text(Op op) {
  switch (op) {
    case Op::int_: {
      const std::string_view digits = in_.line();
      if (digits == "00" || digits == "01") return push_integer(PickleKind::boolean, digits == "01");
      return push_decimal(digits);
    }
    case Op::long_:
      return push_decimal(in_.line());
    case Op::real:
      return push_real(number<double>(in_.line()));
    case Op::string: {
      const std::string_view quoted = in_.line();
      if (quoted.size() < 2 || quoted.front() != quoted.back() ||
          (quoted.front() != '\'' && quoted.front() != '"')) {
        fail("a string without quotes");
      }
      return push_text(PickleKind::string, quoted.substr(1, quoted.size() - 2));
    }
    case Op::unicode:
      return push_text(PickleKind::string, in_.line());
    case Op::put:
      return remember(number<std::uint32_t>(in_.line()));
    case Op::get:
      return recall(number<std::uint32_t>(in_.line()));
    case Op::persid: {
      const PickleId id = make(PickleKind::string);
      node(id).text = in_.line();
      return push(make(PickleKind::persistent, {id}));
    }
    case Op::inst: {
      const std::string_view module = in_.line(), name = in_.line();
      const PickleId arguments = make(PickleKind::tuple, pop_to_mark());
      return call(global(module, name), arguments);
    }
    default:
      fail("unknown opcode 0x", "0123456789abcdef"[static_cast<unsigned>(op) >> 4],
           "0123456789abcdef"[static_cast<unsigned>(op) & 15]);
  }
}

}  // namespace

Pickle unpickle(ByteReader& in, const CheckpointLimits& limits) { return Machine(in, limits).run(); }

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 80));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text.size() > 80 ? out + "..." : out;
}

}  // namespace backlight::weights
