"""The C that refuses a value in words, as the person who compiles a trace will read them."""

__all__ = ["refuse"]


def refuse(name: str, test: str, expression: str, complaint: str, *, leave: bool) -> str:
    """A statement: unless `test` holds, record the error "EXPRESSION is VALUE, COMPLAINT".

    leave: return from the emit function then, with nothing emitted; otherwise go on with whatever bits fit.
    """
    words = f"{_quoted(expression)} is %lld, {_quoted(complaint)}"
    lines = [f"if (SG_UNLIKELY(!({test}))) {{", f'    sg_fail(as, "{words}", (long long){name});', "    return;", "}"]
    if not leave:
        del lines[2]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Text as it stands in a format string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
