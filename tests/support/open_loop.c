/* Load over keep-alive connections from one thread (epoll), to loopback.
 *
 * open_loop PORT KEY PATH CONNECTIONS SECONDS RATE PATIENCE: RATE 0 is a closed loop, each connection asking again when it
 * is answered; RATE > 0 is an open one, so many arrivals per second (Poisson) whatever becomes of them. An arrival takes the
 * connection that was idle longest, as if each were another client's; one that finds none is counted as `turned_back`. PATIENCE is for how
 * many seconds a connection whose request was refused is left alone (0: Retry-After is ignored). Prints one line of JSON;
 * times are of answers with a status of 2xx, from sending to the last byte.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct connection { int fd; uint64_t sent; size_t got; char in[16384]; };
struct patient { int index; uint64_t until; };

static struct sockaddr_in target;
static char request[1024];
static int request_length, poll_fd;
static struct connection *all;
static uint64_t good, refused, errors, turned_back;
static uint32_t *times;
static size_t noted, most_noted;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void open_connection(int index) {
    struct connection *c = &all[index];
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c->got = 0;
    if (c->fd < 0 || (connect(c->fd, (void *)&target, sizeof target) && errno != EINPROGRESS)) { perror("connect"); exit(2); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static int ask(int index) {
    struct connection *c = &all[index];
    c->sent = now();
    c->got = 0;
    return send(c->fd, request, (size_t)request_length, MSG_NOSIGNAL) == request_length ? 0 : -1;
}

/* 1: the answer is whole; 0: not yet; -1: the connection is gone; 2: whole, and the connection is closed after it; 3: whole,
 * and a refusal for want of room. */
static int take(struct connection *c) {
    ssize_t n = recv(c->fd, c->in + c->got, sizeof c->in - 1 - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return -1;
    c->got += (size_t)n;
    c->in[c->got] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return 0;
    *end = 0;
    char *length = strcasestr(c->in, "\ncontent-length:"), *close_after = strcasestr(c->in, "\nconnection: close");
    *end = '\r';
    size_t whole = (size_t)(end + 4 - c->in) + (length ? (size_t)atol(length + 16) : 0);
    if (c->got < whole) return 0;
    if (c->in[9] == '2') {
        good++;
        if (noted < most_noted) times[noted++] = (uint32_t)((now() - c->sent) / 1000);
    } else refused++;
    return close_after ? 2 : !strncmp(c->in + 9, "503", 3) ? 3 : 1;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    if (count != 8) { fprintf(stderr, "open_loop PORT KEY PATH CONNECTIONS SECONDS RATE PATIENCE\n"); return 2; }
    int connections = atoi(words[4]);
    double seconds = atof(words[5]), rate = atof(words[6]);
    uint64_t patience_ns = (uint64_t)(atof(words[7]) * 1e9);
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: %s\r\n\r\n", words[3], words[2]);
    most_noted = 4000000;
    times = malloc(most_noted * sizeof *times);
    all = calloc((size_t)connections, sizeof *all);
    /* Rings. Refused connections wait equally long, so the first to begin is the first to end. */
    int *idle = malloc((size_t)connections * sizeof *idle);
    size_t idle_first = 0, idles = 0;
#define rest_idle(index) (idle[(idle_first + idles++) % (size_t)connections] = (index))
    struct patient *waiting = malloc((size_t)connections * sizeof *waiting);
    size_t first = 0, waits = 0;
    poll_fd = epoll_create1(0);
    for (int i = 0; i < connections; i++) { open_connection(i); if (i % 100 == 99) usleep(5000); }
    usleep(300000);
    srand48(7);
    uint64_t begin = now(), end = begin + (uint64_t)(seconds * 1e9), next = begin;
    for (int i = 0; i < connections; i++) { if (rate > 0) rest_idle(i); else if (ask(i)) errors++; }
    struct epoll_event events[256];
    for (uint64_t t; (t = now()) < end;) {
        struct timespec patience = {0, 5000000};
        for (; waits && waiting[first].until <= t; first = (first + 1) % (size_t)connections, waits--) {
            int index = waiting[first].index;
            if (rate > 0) rest_idle(index); else if (ask(index)) errors++;
        }
        if (rate > 0) {
            for (; next <= t; next += (uint64_t)(-log(1 - drand48()) / rate * 1e9)) {
                if (!idles) { turned_back++; continue; }
                int index = idle[idle_first];
                idle_first = (idle_first + 1) % (size_t)connections, idles--;
                if (ask(index)) { errors++; close(all[index].fd); open_connection(index); rest_idle(index); }
            }
            uint64_t rest = next > t ? next - t : 0;
            if (rest < 5000000) patience.tv_nsec = (long)rest;
        }
        int ready = epoll_pwait2(poll_fd, events, 256, &patience, NULL);
        for (int i = 0; i < ready; i++) {
            int index = (int)events[i].data.u32, outcome = take(&all[index]);
            if (!outcome) continue;
            if (outcome == 3 && patience_ns) {
                waiting[(first + waits++) % (size_t)connections] = (struct patient){index, now() + patience_ns};
                continue;
            }
            if (outcome < 0 || outcome == 2) { if (outcome < 0) errors++; close(all[index].fd); open_connection(index); usleep(outcome < 0 ? 50 : 0); }
            if (rate > 0) rest_idle(index); else if (ask(index)) errors++;
        }
    }
    double lasted = (double)(now() - begin) / 1e9;
    qsort(times, noted, sizeof *times, by_size);
#define PART(p) (noted ? times[(size_t)((double)(noted - 1) * (p))] : 0)
    printf("{\"seconds\": %.3f, \"good\": %lu, \"refused\": %lu, \"errors\": %lu, \"turned_back\": %lu, \"p50_us\": %u, \"p99_us\": %u}\n",
           lasted, good, refused, errors, turned_back, PART(.5), PART(.99));
}
