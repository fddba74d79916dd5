/* output.h - the files that a container's output goes to. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "supervisor.h"

enum { OUTPUT = 1, ERROR_OUTPUT = 2 }; /* descriptors of every program */

/*
 * Opens an output file in the sandbox, or answers a negative errno. The sandbox is the user's, and this runs with the
 * agent's rights: no link may lead elsewhere, no FIFO may block, and no second name of another's file may be given away.
 */
int output_open(int sandbox, const char *name, const struct record *user);

/*
 * With a bound for its files the output comes through pipes, and the supervisor writes it: it turns a full file into the
 * first of its older ones, and drops what cannot be written. The command never waits for longer than one write takes.
 */
int output_is_bounded(void);

/* Before the command's process is made. */
void output_prepare(const struct spec *spec);

/* The pipe that becomes a descriptor of the command. */
int output_pipe(int descriptor);

/* Closes what belongs to the command, or in any other process all. */
void output_close_pipes(void);
void output_close_all(void);

/* Writes what comes until a child has ended, or may have; returns at once without a bound. */
void output_move_until_child_ends(void);

/* Writes what is left. */
void output_move_rest(void);

#endif
