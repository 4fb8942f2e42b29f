"""Short ways to translate `.dasc` text in tests."""

from dasc.actionlist import ActionListBackend
from dasc.actionlist.actions import Actions, Names
from dasc.direct import DirectBackend
from dasc.errors import Text
from dasc.language.instructions import assemble
from dasc.language.operands import Parser
from dasc.language.output import Comments, Output
from dasc.language.preprocessor import split_statement
from dasc.language.source import Origin, Statement
from dasc.language.translator import Options, translate
from tests.dasc.upstream import Put

_PARSER = Parser(True)


def put(text: str) -> Put:
    """The actions of one instruction. Raises `DascError`."""
    origin = Origin(Text(text, "statement", 1, text))
    name, parameters = split_statement(text, origin)
    statement = Statement(name, parameters, text, origin)
    actions = Actions(statement, Names(), True)
    actions.add(assemble(statement, [_PARSER.parse(part, statement) for part in parameters], True))
    return Put(bytes(actions.code), tuple(actions.arguments))


def action_list(text: str, options: Options | None = None) -> str:
    """C for DynASM's engine, without `#line`, of a file's text."""
    return translate(text, "in.dasc", ActionListBackend(Output(Comments(""), False)), options or Options())


def direct(text: str) -> str:
    """C for `stencilgen/dasm.h`, without `#line`, of a file's text."""
    return translate(text, "in.dasc", DirectBackend(Output(Comments(""), False)), Options())
