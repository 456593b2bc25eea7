/* Preloaded into the processes of a site under test: their wall clock is ahead by the seconds in the file FAULTS_CLOCK
   (a 64-bit number), which may change at any moment. What only measures time stays right, and files are as old as
   they are. (libfaketime 0.9.10 cannot do that: Python's sleep fails when the wall clock alone is moved.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *dial;

__attribute__((constructor)) static void open_dial(void) {
  const char *path = getenv("FAULTS_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *found = mmap(NULL, sizeof *dial, PROT_READ, MAP_SHARED, file, 0);
  if (found != MAP_FAILED) dial = found;
  close(file);
}

static int64_t ahead(void) { return dial ? *dial : 0; }

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
  return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec found;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &found);
  now->tv_sec = found.tv_sec;
  now->tv_usec = found.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (now) *now = found.tv_sec;
  return found.tv_sec;
}

/* The system wakes by its own clock. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
  int (*wait)(sem_t *, const struct timespec *) = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec true_time = *until;
  true_time.tv_sec -= ahead();
  return wait(semaphore, &true_time);
}

static int aged(int failed, struct stat *found) {
  if (!failed) {
    found->st_mtim.tv_sec += ahead();
    found->st_ctim.tv_sec += ahead();
    found->st_atim.tv_sec += ahead();
  }
  return failed;
}

#define STAT(name, parameters, arguments)                         \
  int name parameters {                                           \
    static int(*next) parameters;                                 \
    if (!next) next = dlsym(RTLD_NEXT, #name);                    \
    return aged(next arguments, (struct stat *)found);            \
  }
STAT(stat, (const char *path, struct stat *found), (path, found))
STAT(lstat, (const char *path, struct stat *found), (path, found))
STAT(fstat, (int file, struct stat *found), (file, found))
STAT(fstatat, (int folder, const char *path, struct stat *found, int flags), (folder, path, found, flags))
STAT(stat64, (const char *path, struct stat64 *found), (path, found))
STAT(lstat64, (const char *path, struct stat64 *found), (path, found))
STAT(fstat64, (int file, struct stat64 *found), (file, found))
STAT(fstatat64, (int folder, const char *path, struct stat64 *found, int flags), (folder, path, found, flags))

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  int (*next)(int, const char *, const struct timespec[2], int) = dlsym(RTLD_NEXT, "utimensat");
  struct timespec true_times[2];
  if (!times) return next(folder, path, times, flags);
  for (int which = 0; which < 2; which++) {
    true_times[which] = times[which];
    if (times[which].tv_nsec < 1000000000) true_times[which].tv_sec -= ahead();
  }
  return next(folder, path, true_times, flags);
}
