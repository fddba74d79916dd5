#ifndef CLAUNCH_H
#define CLAUNCH_H
#endif
