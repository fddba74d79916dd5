/* A C target needs a source file; this one shows that the headers stand alone. */
#include "tepui/tepui.h"

#if defined(__ELF__)
/* The Swift driver links all modules of this package and adds its own runtime library, which a module in C does not
 * use. It takes options from notes in object files; this one makes the linker leave out libraries without use. */
__asm__(".pushsection .swift1_autolink_entries, \"e\", %progbits\n"
        ".asciz \"-Xlinker\"\n.asciz \"--as-needed\"\n"
        ".popsection");
#endif
