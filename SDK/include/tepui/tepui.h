/* Everything a module may need. See module.h for the rules. */
#ifndef TEPUI_TEPUI_H
#define TEPUI_TEPUI_H

#include "allocator.h"
#include "isolator.h"
#include "module.h"

#endif
