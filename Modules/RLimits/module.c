#include "tepui/tepui.h"
