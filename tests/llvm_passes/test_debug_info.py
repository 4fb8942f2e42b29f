"""Layouts, positions and types read from debug information are those of the C source."""

from llvm_passes.debug_info import Member, Parameter, read_debug_info
from llvm_passes.module import split_module
from tests.llvm_passes.conftest import to_ir

SOURCE = """
struct node {
    struct node *next;
    union { int32_t number; struct { uint8_t low, high; }; };
    unsigned flag : 3;
    char name[6];
};
typedef struct { double x, y; } Point;
union both { long integer; double real; };
struct opaque_thing;
STENCIL(FIRST) { struct node *n = (struct node *)frame->code; n->number = OPARG; CONTINUE(); }

STENCIL(SECOND)
{
    Point *p = (Point *)frame->code;
    ((union both *)sp)->real = p->y;
    vm_log((char *)(struct opaque_thing *)OPERAND);
    CONTINUE();
}
"""


def info():
    return read_debug_info(split_module(to_ir(SOURCE)))


def structure(name):
    (found,) = [s for s in info().structures if name in (s.name, *s.typedefs)]
    return found


def test_members_have_offsets_and_sizes_and_anonymous_ones_are_named_as_in_c():
    node = structure("struct node")
    assert node.size == 32 or node.size == 24
    assert node.members[:4] == (
        Member("next", 0, 8, "struct node *"),
        Member("number", 8, 4, "int32_t"),
        Member("low", 8, 1, "uint8_t"),
        Member("high", 9, 1, "uint8_t"),
    )
    assert [member.name for member in node.members[4:]] == ["name"], "a bit-field has no offset"
    assert node.members[4].type == "char[6]" and node.position.file == "stencils.c" and node.position.line == 2


def test_a_structure_without_a_tag_goes_by_its_typedef():
    point = structure("Point")
    assert (point.name, point.size, [m.offset for m in point.members]) == ("Point", 16, [0, 8])
    frame = structure("Frame")
    assert frame.name == "struct Frame" and frame.typedefs == ("Frame",)
    assert Member("locals", 8, 128, "Object *[16]") in frame.members


def test_unions_are_layouts_and_incomplete_structures_are_not():
    assert [m.offset for m in structure("union both").members] == [0, 0]
    assert not [s for s in info().structures if "opaque_thing" in s.name]


def test_stencils_have_places_and_state():
    second = info().stencils["SECOND"]
    assert (second.position.file, second.position.line) == ("stencils.c", 13)
    assert second.parameters == (
        Parameter("Frame *", "frame"),
        Parameter("Object **", "sp"),
        Parameter("Thread *", "thread"),
    )


def test_holes_have_c_types():
    assert info().holes == {"u16_oparg": "unsigned short", "u64_operand": "unsigned long"}


def test_a_module_without_debug_information_is_empty():
    found = read_debug_info(split_module(to_ir(SOURCE, flags=("-g0",))))
    assert (found.structures, found.stencils, found.holes) == ((), {}, {})
