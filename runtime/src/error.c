/* Errors belong to the call that made them: the caller owns the text, and may not want it. */
#include "internal.h"

#include <stdarg.h>

void sg_error_clear(sg_error *error)
{
    if (error != NULL) {
        error->text[0] = '\0';
    }
}

void sg_error_format(sg_error *error, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
}
