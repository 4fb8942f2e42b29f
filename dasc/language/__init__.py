"""The `.dasc` language as people write it: everything that DynASM knows, for x64 and x86.

preprocessor   lines → statements: definitions, macros, conditionals, included files; `conditions`
translator     statements → machine code: directives, instructions; `operands`, `instructions`, `spelling`
machine        what a back end gets
output         the C file, line by line
source         where a statement comes from, for errors
"""
