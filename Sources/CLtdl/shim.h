#include <elf.h>
#include <ltdl.h>
