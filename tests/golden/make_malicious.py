"""Hostile and broken files of weights, each with words that its refusal must contain.

Writes malicious/<case> and malicious/expected.json. Everything is assembled from bytes here; no file does harm when
it is read, and none is larger than a few kilobytes. Needs nothing but Python.
"""

import json
import pathlib
import struct
import zlib

OUT = pathlib.Path(__file__).resolve().parent / "malicious"
EXPECTED = {}
LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")

PROTO, STOP, MARK, REDUCE, BUILD, EMPTY_TUPLE, TUPLE = b"\x80\x02", b".", b"(", b"R", b"b", b")", b"t"
EMPTY_DICT, EMPTY_LIST, SETITEMS, SETITEM, POP, DUP, PERSID = b"}", b"]", b"u", b"s", b"0", b"2", b"Q"


def case(name, content, *words):
    (OUT / name).write_bytes(content)
    EXPECTED[name] = list(words)


def text(value):
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def integer(value):
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def integers(values):
    return MARK + b"".join(map(integer, values)) + TUPLE


def glob(name):
    module, _, attribute = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def storage_id(key="0", numel=4, kind="torch.FloatStorage", view=b""):
    return MARK + text("storage") + glob(kind) + text(key) + text("cpu") + integer(numel) + view + TUPLE + PERSID


def tensor(offset=0, shape=(4,), stride=(1,), **storage):
    hooks = glob("collections.OrderedDict") + EMPTY_TUPLE + REDUCE
    arguments = storage_id(**storage) + integer(offset) + integers(shape) + integers(stride) + b"\x89" + hooks
    return glob("torch._utils._rebuild_tensor_v2") + MARK + arguments + TUPLE + REDUCE


def state_dict(**entries):
    return EMPTY_DICT + MARK + b"".join(text(k) + v for k, v in entries.items()) + SETITEMS


def pickled(body):
    return PROTO + body + STOP


GOOD = state_dict(w=tensor())
FLOATS = struct.pack("<4f", 1, 2, 3, 4)


# Zip archives, field by field.

def member(name, data, method=0, size=None, stored=None, local_name=None, flags=0, crc=None, extra=b"", payload=None,
           at=None):
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = payload if payload is not None else packed.compress(data) + packed.flush() if method == 8 else data
    return {"name": name.encode(), "payload": payload, "method": method, "flags": flags, "extra": extra, "at": at,
            "size": len(data) if size is None else size, "stored": len(payload) if stored is None else stored,
            "local_name": (local_name or name).encode(), "crc": zlib.crc32(data) if crc is None else crc}


def archive(members, entries=None, directory_size=None, directory_offset=None, tail=b"", comment=b"", comment_size=None,
            before_end=b""):
    out, directory = b"", b""
    for m in members:
        at = len(out) if m["at"] is None else m["at"]
        header = (20, m["flags"], m["method"], 0, 33, m["crc"], m["stored"], m["size"], len(m["name"]))
        out += b"PK\x03\x04" + struct.pack("<5H3I2H", *header[:8], len(m["local_name"]), 0) + m["local_name"] + m["payload"]
        directory += b"PK\x01\x02" + struct.pack("<H5H3I", 20, *header[:8])
        directory += struct.pack("<5H2I", len(m["name"]), len(m["extra"]), 0, 0, 0, 0, at) + m["name"] + m["extra"]
    count = len(members) if entries is None else entries
    end = struct.pack("<4H2IH", 0, 0, count, count, len(directory) if directory_size is None else directory_size,
                      len(out) if directory_offset is None else directory_offset,
                      len(comment) if comment_size is None else comment_size)
    return out + directory + before_end + b"PK\x05\x06" + end + comment + tail


def checkpoint(body, extra_members=(), storage=FLOATS, **options):
    members = [member("archive/data.pkl", pickled(body)), member("archive/data/0", storage)]
    return archive(members + list(extra_members), **options)


def zipped(name, body, *words, **options):
    case(name, checkpoint(body, **options), *words)


def make_code():
    """Every way in which a pickle names what Python would call."""
    command = text("echo hostile")
    hostile = ("hostile file", "Nothing was run", "delete the file")
    zipped("code_reduce.pth", glob("posix.system") + MARK + command + TUPLE + REDUCE, "posix.system", *hostile)
    zipped("code_global_alone.pth", state_dict(w=tensor(), x=glob("os.system")), "os.system", *hostile)
    zipped("code_stack_global.pth", text("os") + text("system") + b"\x93" + MARK + command + TUPLE + REDUCE, "os.system",
           *hostile)
    zipped("code_inst.pth", MARK + command + b"ios\nsystem\n", "os.system", *hostile)
    zipped("code_obj.pth", MARK + glob("subprocess.Popen") + command + b"o", "subprocess.Popen", *hostile)
    zipped("code_newobj.pth", glob("subprocess.Popen") + MARK + command + TUPLE + b"\x81", "subprocess.Popen", *hostile)
    zipped("code_newobj_ex.pth", glob("runpy.run_path") + EMPTY_TUPLE + EMPTY_DICT + b"\x92", "runpy.run_path", *hostile)
    zipped("code_build.pth", GOOD + state_dict(__setstate__=glob("builtins.eval")) + BUILD, "builtins.eval", *hostile)
    zipped("code_python2.pth", glob("__builtin__.execfile") + MARK + command + TUPLE + REDUCE, "__builtin__.execfile")
    zipped("code_nested_name.pth", text("builtins") + text("exec.__call__") + b"\x93", "builtins.exec", *hostile)
    zipped("code_submodule.pth", text("os.path") + text("os.system") + b"\x93", "os.path.os.system", *hostile)
    zipped("code_hidden_beside.pth", state_dict(state_dict=GOOD, epoch=glob("importlib.import_module") + MARK + command +
                                                TUPLE + REDUCE), "importlib.import_module", *hostile)
    case("code_plain.pkl", pickled(glob("os.system") + MARK + command + TUPLE + REDUCE), "os.system", *hostile)
    case("code_legacy.pth", LEGACY_MAGIC + pickled(integer(1001)) + pickled(EMPTY_DICT) +
         pickled(glob("posix.system") + MARK + command + TUPLE + REDUCE) + pickled(EMPTY_LIST), "posix.system", *hostile)
    zipped("code_ext1.pth", b"\x82\x01" + EMPTY_TUPLE + REDUCE, "extension registry")
    zipped("code_ext4.pth", b"\x84\x01\x00\x00\x00", "extension registry")
    zipped("code_out_of_band.pth", b"\x97", "buffers outside")
    zipped("call_in_state_dict.pth", state_dict(w=tensor(), x=glob("some.thing") + EMPTY_TUPLE + REDUCE), '"x"',
           "some.thing", "not a tensor")
    zipped("call_as_root.pth", glob("some.thing") + EMPTY_TUPLE + REDUCE, "some.thing", "only Python can rebuild")
    zipped("unknown_rebuild.pth", state_dict(w=glob("torch._utils._rebuild_evil") + MARK + integer(1) + TUPLE + REDUCE),
           '"w"', "_rebuild_evil")


def make_pickles():
    """Broken and greedy pickles."""
    malformed = {
        "underflow_reduce": (REDUCE, "stack is empty"), "underflow_tuple3": (b"NN\x87", "stack is empty"),
        "underflow_setitem": (EMPTY_DICT + b"N" + SETITEM, "stack is empty"), "setitem_on_none": (b"NNN" + SETITEM, "SETITEM on a value"), "underflow_pop": (POP, "stack is empty"),
        "underflow_persid": (PERSID, "stack is empty"), "below_mark": (b"N" + MARK + REDUCE, "stack is empty"),
        "no_mark_tuple": (b"N" + TUPLE, "no mark is open"), "no_mark_setitems": (EMPTY_DICT + SETITEMS, "no mark is open"),
        "no_mark_pop": (b"N1", "no mark is open"), "odd_setitems": (EMPTY_DICT + MARK + b"N" + SETITEMS, "key without a value"),
        "no_class_obj": (MARK + b"o", "OBJ without a class"), "memo_missing": (b"h\x07", "memo entry 7 was never stored"),
        "memo_missing_long": (b"j\xff\xff\xff\xff", "memo entry 4294967295"), "memo_of_nothing": (b"q\x00", "stack is empty"),
        "unknown_opcode": (b"\xf0", "unknown opcode 0xf0"), "two_values": (b"NN", "STOP finds 2 values"),
        "open_mark": (b"N" + MARK, "1 open marks"), "no_value": (b"", "STOP finds 0 values"),
        "append_to_number": (integer(1) + b"Na", "APPEND on a value"), "protocol_9": (b"\x80\x09N", "protocol 9"),
        "stack_global_of_numbers": (integer(1) + integer(2) + b"\x93", "STACK_GLOBAL without two strings"),
        "dict_of_triples": (glob("collections.OrderedDict") + EMPTY_LIST + b"Na\x85" + REDUCE, "pairs"),
        "not_a_number": (b"I12x\n", "is not a number"), "unquoted": (b"Sabc\n", "without quotes"),
        "escape_in_name": (glob("a.\x1b[31mb") + b"\x85\xf0", "unknown opcode"),
    }
    for name, (body, words) in malformed.items():
        zipped(f"pickle_{name}.pth", body, words)
    truncated = ("data.pkl is truncated or damaged",)
    for name, body in {"unicode8": b"\x8d" + b"\xff" * 8, "unicode8_sign": b"\x8d" + b"\xff" * 7 + b"\x7f",
                       "unicode": b"X\xff\xff\xff\xff", "bytes8": b"\x8e" + b"\xff" * 7 + b"\x0f",
                       "bytearray8": b"\x96" + b"\xff" * 7 + b"\x0f", "bytes": b"B\xff\xff\xff\xff",
                       "long4": b"\x8b\xff\xff\xff\x7f", "string": b"T\xff\xff\xff\x7f", "line": b"cmodule"}.items():
        zipped(f"length_{name}.pth", body, *truncated)
    zipped("length_long4_negative.pth", b"\x8b\xff\xff\xff\xff", "negative length -1")
    zipped("length_string_negative.pth", b"T\x00\x00\x00\x80", "negative length -2147483648")
    zipped("length_frame.pth", b"\x95" + b"\xff" * 8, "a frame of 18446744073709551615 bytes")
    zipped("length_global.pth", glob("a." + "b" * 300), "name is too long")
    case("no_stop.pth", archive([member("archive/data.pkl", PROTO + GOOD), member("archive/data/0", FLOATS)]), *truncated)
    case("after_stop.pth", archive([member("archive/data.pkl", pickled(GOOD) + b"N."), member("archive/data/0", FLOATS)]),
         "goes on for 2 bytes after its end")
    zipped("deep_tuples.pth", EMPTY_TUPLE + b"\x85" * 2000, "nests deeper than 256")
    zipped("deep_marks.pth", MARK * 2000 + TUPLE * 2000, "nests deeper than 256")
    laughs = EMPTY_LIST + b"".join(b"q" + bytes([i]) + POP + MARK + b"h" + bytes([i]) * 1 + (b"h" + bytes([i])) * 9 + TUPLE
                                   for i in range(40))
    zipped("billion_laughs.pth", laughs, "no dictionary")
    zipped("billion_laughs_beside.pth", state_dict(a=tensor(offset=9), b=laughs), "reaches element 12")
    itself = EMPTY_DICT + b"q\x00" + MARK + text("x") + b"h\x00" + SETITEMS
    zipped("contains_itself.pth", itself, "no tensors")


def make_tensors():
    """Tensors that reach for what is not theirs."""
    zipped("tensor_too_long.pth", state_dict(w=tensor(shape=(5,))), '"w"', "reaches element 4 of a storage that holds 4")
    zipped("tensor_offset.pth", state_dict(w=tensor(offset=1)), "reaches element 4")
    zipped("tensor_stride.pth", state_dict(w=tensor(shape=(2, 2), stride=(3, 1))), "reaches element 4")
    zipped("tensor_negative_offset.pth", state_dict(w=tensor(offset=-1)), "negative offset")
    zipped("tensor_negative_size.pth", state_dict(w=tensor(shape=(-4,))), "negative extent")
    zipped("tensor_negative_stride.pth", state_dict(w=tensor(offset=3, stride=(-1,))), "negative stride")
    zipped("tensor_overflow.pth", state_dict(w=tensor(shape=(2**62, 4), stride=(0, 0))), "overflows")
    zipped("tensor_overflow_bytes.pth", state_dict(w=tensor(shape=(2**62,), stride=(0,))), "overflows")
    zipped("tensor_overflow_reach.pth", state_dict(w=tensor(shape=(3,), stride=(2**62,))), "overflows")
    zipped("tensor_wraps_around.pth", state_dict(w=tensor(shape=(5,), stride=(2**62,))), "overflows")
    zipped("tensor_expanded_bomb.pth", state_dict(w=tensor(shape=(2**40,), stride=(0,))), '"w"', "refused as a bomb")
    many = {f"w{i}": tensor(shape=(2**14,), stride=(0,)) for i in range(20)}
    zipped("tensor_expanded_bombs.pth", state_dict(**many), "refused as a bomb")
    zipped("tensor_ranks_differ.pth", state_dict(w=tensor(shape=(2, 2), stride=(1,))), "has 1 strides")
    zipped("tensor_huge_rank.pth", state_dict(w=tensor(shape=(1,) * 100, stride=(1,) * 99)), "has 99 strides")
    zipped("storage_count_large.pth", state_dict(w=tensor(numel=5)), "storage 0 should hold 5 elements")
    zipped("storage_count_huge.pth", state_dict(w=tensor(numel=2**62)), "storage 0 should hold")
    zipped("storage_count_small.pth", state_dict(w=tensor(numel=3, shape=(3,))), "takes 16 bytes", "3 elements")
    zipped("storage_count_negative.pth", state_dict(w=tensor(numel=-1)), "should hold -1 elements")
    zipped("storage_missing.pth", state_dict(w=tensor(key="1")), "needs storage 1")
    zipped("storage_path.pth", state_dict(w=tensor(key="../data.pkl")), "needs storage ../data.pkl")
    zipped("storage_type.pth", state_dict(w=tensor(kind="torch.QInt8Storage")), "QInt8Storage")
    zipped("storage_type_foreign.pth", state_dict(w=tensor(kind="evil.FloatStorage")), "evil.FloatStorage")
    view = MARK + text("v") + integer(2) + integer(3) + TUPLE
    zipped("storage_view.pth", state_dict(w=tensor(shape=(3,), view=view)), "a view of 3 elements from 2")
    zipped("tensor_without_storage.pth", state_dict(w=glob("torch._utils._rebuild_tensor_v2") + integers((1, 2, 3, 4)) +
                                                    REDUCE), "points to no storage")
    zipped("tensor_few_arguments.pth", state_dict(w=glob("torch._utils._rebuild_tensor_v2") + integers((1,)) + REDUCE),
           "1 values only")
    wrapped = tensor()
    for _ in range(20):
        wrapped = glob("torch._utils._rebuild_parameter") + MARK + wrapped + b"\x89N" + TUPLE + REDUCE
    zipped("tensor_wrapped_often.pth", state_dict(w=wrapped), '"w"', "not a tensor that can be read")
    key = EMPTY_DICT + MARK + text("w") + tensor() + text("w") + tensor() + SETITEMS
    zipped("key_twice.pth", key, '"w"', "twice")
    zipped("key_escape.pth", state_dict(**{"\x1b[2J": tensor()}), "not a name for a tensor")
    bad = EMPTY_DICT + MARK + b"X\x01\x00\x00\x00\xff" + tensor() + SETITEMS
    zipped("key_not_utf8.pth", bad, "not a name for a tensor")
    zipped("key_long.pth", state_dict(**{"k" * 2000: tensor()}), "(2000 bytes) is not a name for a tensor")


def array(shape=(2,), dtype="f4", data=b"B\x08\x00\x00\x00" + bytes(8), order=b"\x89", state=True):
    """A NumPy array as pickle writes it."""
    made = glob("numpy._core.multiarray._reconstruct") + MARK + glob("numpy.ndarray") + integers((0,)) + text("b")
    kind = glob("numpy.dtype") + MARK + text(dtype) + b"\x89\x88" + TUPLE + REDUCE
    content = MARK + integer(1) + integers(shape) + kind + order + data + TUPLE + b"b"
    return made + TUPLE + REDUCE + (content if state else b"")


def make_arrays():
    zipped("array_short.pth", state_dict(w=array(shape=(3,))), '"w"', "reaches element 2 of a storage that holds 2")
    zipped("array_long.pth", state_dict(w=array(shape=(1,))), '"w"', "4 bytes, but 8 are there")
    zipped("array_huge.pth", state_dict(w=array(shape=(2**31 - 1,) * 3)), '"w"', "overflows 64 bits")
    zipped("array_negative.pth", state_dict(w=array(shape=(-2,))), '"w"', "negative extent")
    zipped("array_without_content.pth", state_dict(w=array(state=False)), '"w"', "has no content")
    zipped("array_of_numbers.pth", state_dict(w=array(data=integer(7))), '"w"', "content that is not bytes")
    latin = glob("_codecs.encode") + MARK + text("\u20ac" * 8) + text("latin1") + TUPLE + REDUCE
    zipped("array_of_text.pth", state_dict(w=array(data=latin)), '"w"', "content that is not bytes")
    zipped("array_type.pth", state_dict(w=array(dtype="V8")), '"w"', "the type V8")
    zipped("array_type_missing.pth", state_dict(w=glob("numpy.core.multiarray.scalar") + MARK + b"N" + integer(1) +
                                                TUPLE + REDUCE, v=tensor()), '"w"', "has no dtype")
    few = glob("numpy.core.numeric._frombuffer") + integers((1,)) + REDUCE
    zipped("array_few_arguments.pth", state_dict(w=few), '"w"', "a tuple of 4")


def make_zips():
    pkl, data = member("archive/data.pkl", pickled(GOOD)), member("archive/data/0", FLOATS)
    zeros = bytes(100_000)
    zipped("zip_bomb.pth", GOOD, "zip bomb", extra_members=[member("archive/data/1", zeros, method=8)])
    zipped("zip_bomb_pickle.pth", GOOD, "zip bomb", extra_members=[member("archive/x", zeros, 8, size=2**32 - 2)])
    liar = member("archive/data.pkl", pickled(GOOD), 8, size=40)
    case("zip_size_too_small.pth", archive([liar, data]), "does not inflate to the 40 bytes")
    liar = member("archive/data.pkl", pickled(GOOD), 8, size=len(pickled(GOOD)) + 1)
    case("zip_size_too_large.pth", archive([liar, data]), "does not inflate to")
    case("zip_bad_crc.pth", archive([member("archive/data.pkl", pickled(GOOD), 8, crc=1), data]), "checksum of member")
    case("zip_bad_deflate.pth", archive([member("archive/data.pkl", pickled(GOOD), 8, payload=b"\xff" * 90), data]),
         "does not inflate to")
    case("zip_twice.pth", archive([pkl, data, member("archive/data/0", FLOATS)]), "two members are called archive/data/0")
    case("zip_case.pth", archive([pkl, data, member("archive/DATA/0", FLOATS)]), "two members are called archive/data/0")
    case("zip_two_pickles.pth", archive([pkl, data, member("other/data.pkl", pickled(GOOD))]), "2 members data.pkl")
    case("zip_deep_pickle.pth", archive([member("a/b/data.pkl", pickled(GOOD)), data]), "no member <name>/data.pkl")
    case("zip_pickle_at_root.pth", archive([member("data.pkl", pickled(GOOD)), data]), "no member <name>/data.pkl")
    case("zip_pickle_suffix.pth", archive([member("archive/evil_data.pkl", pickled(GOOD)), data]), "no member <name>/data.pkl")
    case("zip_nameless_folder.pth", archive([member("/data.pkl", pickled(GOOD)), data]), "no member <name>/data.pkl")
    case("zip_overlap.pth", archive([pkl, data, member("archive/data/1", FLOATS, at=0, local_name="archive/data.pkl")]),
         "disagree on the name")
    twin = member("archive/data.pkl", pickled(GOOD), at=0)
    twin["name"] = b"archive/data.pk2"
    case("zip_same_header.pth", archive([pkl, data, twin]), "disagree on the name")
    inner = archive([data])[:46 + len(FLOATS)]
    outer = member("archive/data/1", inner)
    nested = member("archive/data/0", FLOATS, at=30 + len("archive/data/1"))
    case("zip_member_in_member.pth", archive([outer, nested, pkl]), "overlap")
    case("zip_size_beyond.pth", archive([pkl, member("archive/data/0", FLOATS, size=2**31, stored=2**31)]), "is said to take")
    case("zip_size_over_directory.pth", archive([pkl, member("archive/data/0", FLOATS, size=60, stored=60)]),
         "a zip member is truncated")
    case("zip_stored_two_sizes.pth", archive([pkl, member("archive/data/0", FLOATS, size=17)]), "has two sizes")
    case("zip_header_elsewhere.pth", archive([pkl, member("archive/data/0", FLOATS, at=7)]), "no member where")
    case("zip_header_behind.pth", archive([pkl, member("archive/data/0", FLOATS, at=2**31)]), "begins behind the directory")
    case("zip_encrypted.pth", archive([pkl, member("archive/data/0", FLOATS, flags=1)]), "encrypted")
    case("zip_lzma.pth", archive([pkl, member("archive/data/0", FLOATS, method=14)]), "method 14")
    case("zip_name_zero.pth", archive([pkl, member("archive/data/0\0", FLOATS)]), "zero byte")
    case("zip_entries_many.pth", archive([pkl, data], entries=60_000), "60000 members")
    case("zip_entries_more.pth", archive([pkl, data], entries=3), "zip directory is truncated")
    case("zip_entries_fewer.pth", archive([pkl, data], entries=1), "more than its 1 entries")
    case("zip_directory_size.pth", archive([pkl, data], directory_size=2**31), "does not end where")
    case("zip_directory_offset.pth", archive([pkl, data], directory_offset=2**31), "does not end where")
    case("zip_trailing.pth", archive([pkl, data], tail=b"x" * 9), "truncated")
    case("zip_comment_size.pth", archive([pkl, data], comment=b"abc", comment_size=2), "truncated")
    case("zip_empty.pth", archive([]), "no member <name>/data.pkl")
    case("zip_byteorder.pth", archive([pkl, data, member("archive/byteorder", b"middle")]), "middle", "little or big")
    locator = lambda at: b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
    end64 = lambda entries, size, offset: b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, entries, entries, size,
                                                                     offset)
    whole = archive([pkl, data])
    start = whole.index(b"PK\x01\x02")
    size = len(whole) - 22 - start
    marked = {"entries": 0xffff, "directory_size": 0xffffffff, "directory_offset": 0xffffffff}
    huge = end64(2**60, size, start)
    case("zip64_entries.pth", archive([pkl, data], before_end=huge + locator(start + size), **marked),
         "1152921504606846976 members")
    huge = end64(2, 2**63, start)
    case("zip64_directory_size.pth", archive([pkl, data], before_end=huge + locator(start + size), **marked),
         "does not end where")
    huge = end64(2, size, 2**64 - 1)
    case("zip64_directory_offset.pth", archive([pkl, data], before_end=huge + locator(start + size), **marked),
         "does not end where")
    case("zip64_locator.pth", archive([pkl, data], before_end=locator(2**64 - 8), **marked), "beyond its own locator")
    case("zip64_record.pth", archive([pkl, data], before_end=locator(4), **marked), "no ZIP64 end record where")
    case("zip64_missing.pth", archive([pkl, data], **marked), "ZIP64 end record is missing")
    case("zip64_contradiction.pth", archive([pkl, data], before_end=end64(1, size, start) + locator(start + size)),
         "contradict")
    field = struct.pack("<HHQQ", 1, 16, 2**63, 2**63)
    case("zip64_member_size.pth", archive([pkl, member("archive/data/0", FLOATS, size=0xffffffff, stored=0xffffffff,
                                                       extra=field)]), "is said to take 9223372036854775808")
    case("zip64_member_missing.pth", archive([pkl, member("archive/data/0", FLOATS, size=0xffffffff, stored=0xffffffff)]),
         "ZIP64 sizes are missing")
    field = struct.pack("<HHQ", 1, 8, 16)
    case("zip64_member_short.pth", archive([pkl, member("archive/data/0", FLOATS, size=0xffffffff, stored=0xffffffff,
                                                        extra=field)]), "ZIP64 field is truncated")
    field = struct.pack("<HH", 1, 600)
    case("zip64_member_extra.pth", archive([pkl, member("archive/data/0", FLOATS, size=0xffffffff, stored=0xffffffff,
                                                        extra=field)]), "extra field is truncated")


def legacy(body, keys, storages, version=1001):
    listed = EMPTY_LIST + MARK + b"".join(map(text, keys)) + b"e"
    return LEGACY_MAGIC + pickled(integer(version)) + pickled(EMPTY_DICT) + pickled(body) + pickled(listed) + storages


def make_legacy():
    count = struct.pack("<q", 4)
    case("legacy_version.pth", legacy(GOOD, ["0"], count + FLOATS, version=7), "protocol 7", "expected 1001")
    case("legacy_count.pth", legacy(GOOD, ["0"], struct.pack("<q", 2) + FLOATS[:8]), "element count 2", "say 4")
    case("legacy_count_negative.pth", legacy(GOOD, ["0"], struct.pack("<q", -1) + FLOATS), "element count -1")
    case("legacy_count_huge.pth", legacy(state_dict(w=tensor(numel=2**61)), ["0"], struct.pack("<q", 2**61) + FLOATS),
         "should hold 2305843009213693952 elements")
    case("legacy_short.pth", legacy(GOOD, ["0"], count + FLOATS[:-1]), "truncated")
    case("legacy_long.pth", legacy(GOOD, ["0"], count + FLOATS + b"x"), "1 bytes stand behind")
    case("legacy_unlisted.pth", legacy(GOOD, [], b""), "needs storage 0")
    case("legacy_unknown_key.pth", legacy(GOOD, ["0", "1"], count + FLOATS), "storage 1 belongs to no tensor")
    case("legacy_key_twice.pth", legacy(GOOD, ["0", "0"], (count + FLOATS) * 2), "storage 0 is listed twice")
    two = state_dict(a=tensor(), b=tensor(kind="torch.HalfStorage"))
    case("legacy_two_types.pth", legacy(two, ["0"], count + FLOATS), "float32 and also 4 of float16")
    case("legacy_no_keys.pth", LEGACY_MAGIC + pickled(integer(1001)) + pickled(EMPTY_DICT) + pickled(GOOD) + pickled(b"N"),
         "lists no storage keys")
    case("legacy_only_magic.pth", LEGACY_MAGIC, "truncated")


def tar(members):
    out = b""
    for name, data in members:
        size = len(data) if isinstance(data, bytes) else data[1]
        data = data if isinstance(data, bytes) else data[0]
        header = bytearray(name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size +
                           b"00000000000\0" + b" " * 8 + b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(247))
        header[148:156] = b"%06o\0 " % sum(header)
        out += bytes(header) + data + bytes(-len(data) % 512)
    return out + bytes(1024)


def tar_checkpoint(storages, tensors, body=None):
    body = body or state_dict(w=integer(1) + PERSID)
    return tar([("storages", storages), ("tensors", tensors), ("pickle", pickled(body))])


def make_tars():
    one, views = pickled(integer(1)), pickled(EMPTY_LIST)
    item = pickled(integer(5) + text("cpu") + glob("torch.FloatStorage") + b"\x87")
    storages = one + item + struct.pack("<q", 4) + FLOATS + views
    entry = pickled(integer(1) + integer(5) + glob("torch.FloatTensor") + b"\x87")
    shape = lambda rank, *numbers: struct.pack("<iI", rank, 0) + struct.pack(f"<{len(numbers)}q", *numbers)
    case("tar_reach.pth", tar_checkpoint(storages, one + entry + shape(1, 5, 1, 0)), "reaches element 4")
    case("tar_rank.pth", tar_checkpoint(storages, one + entry + shape(2**31 - 1, 4, 1, 0)), "2147483647 dimensions")
    case("tar_rank_negative.pth", tar_checkpoint(storages, one + entry + shape(-1, 4, 1, 0)), "-1 dimensions")
    case("tar_count.pth", tar_checkpoint(pickled(integer(2**31 - 1)), one), "announces 2147483647 items")
    case("tar_storage_count.pth", tar_checkpoint(one + item + struct.pack("<q", 2**60) + FLOATS + views, one),
         "should hold 1152921504606846976 elements")
    view = pickled(EMPTY_LIST + MARK + integers((6, 5, 3, 2)) + b"e")
    case("tar_view.pth", tar_checkpoint(one + item + struct.pack("<q", 4) + FLOATS + view, one), "a view of 2 elements from 3")
    view = pickled(EMPTY_LIST + MARK + integers((6, 8, 0, 1)) + b"e")
    case("tar_view_of_nothing.pth", tar_checkpoint(one + item + struct.pack("<q", 4) + FLOATS + view, one),
         "a view of a storage that is not there")
    twice = pickled(integer(2)) + (item + struct.pack("<q", 4) + FLOATS) * 2 + views
    case("tar_storage_twice.pth", tar_checkpoint(twice, one), "storage 5 is listed twice")
    missing = state_dict(w=integer(1) + PERSID, v=integer(9) + PERSID)
    case("tar_tensor_missing.pth", tar_checkpoint(storages, one + entry + shape(1, 4, 1, 0), missing), '"v"', "not among")
    case("tar_member_twice.pth", tar([("storages", b"x"), ("storages", b"y")]), "storages appears twice")
    case("tar_member_missing.pth", tar([("storages", storages), ("tensors", one)]), 'without the member "pickle"')
    case("tar_size.pth", tar([("storages", (b"x", 2**32))]), "tar archive is truncated")
    case("tar_header.pth", tar([("storages", b"x")])[:-1024] + b"x" * 512, "no member header at offset 1024")
    evil = state_dict(w=glob("os.system") + MARK + text("echo") + TUPLE + REDUCE)
    case("tar_code.pth", tar_checkpoint(storages, one + entry + shape(1, 4, 1, 0), evil), "os.system", "hostile file")


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    make_code()
    make_pickles()
    make_tensors()
    make_arrays()
    make_zips()
    make_legacy()
    make_tars()
    (OUT / "expected.json").write_text(json.dumps(EXPECTED, indent=0) + "\n")


if __name__ == "__main__":
    main()
