"""The compilers around us: Clang for the stencils, a C compiler for what embeds them."""
