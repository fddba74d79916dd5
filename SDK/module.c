/* A C target needs a source file; this one shows that the headers stand alone. */
#include "tepui/tepui.h"
