/* places.h - finding and making the places of mounts, links and directories without being led elsewhere. */
#ifndef PLACES_H
#define PLACES_H

#include <stddef.h>
#include <sys/types.h>

/* Who gets what is made, and with which mode. */
struct owner {
  uid_t user;
  gid_t group;
  unsigned mode;
};

/*
 * Opens a place by O_PATH, and makes it if it is missing: a directory, or an empty file. A negative errno for a failure.
 *
 * In the sandbox, which is the user's: no link is followed, nor "..".
 */
int place_in_sandbox(int sandbox, const char *path, int is_directory, const struct owner *owner);

/* In a root file system, which may be anybody's: links count from that root and never lead out of it. */
int place_in_root(int root, const char *path, int is_directory);

/* The parent of a path's last name, made if it is missing, and that name within the path. */
int parent_in_sandbox(int sandbox, const char *path, const struct owner *owner, const char **name);
int parent_in_root(int root, const char *path, const char **name);

/* Opens without making anything. Of a path without links, nothing may be one. */
int existing_without_links(const char *path);
int existing_in_root(int root, const char *path);

#endif
