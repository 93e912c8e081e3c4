// What the three programs share: sockets of the loopback interface, and epoll.
#ifndef COMMON_H
#define COMMON_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SOCKETS = 65536, MOST_EVENTS = 256, BUFFER_BYTES = 65536, SMALL_BYTES = 16384, BACKLOG = 1024 };

static inline void fail(const char *what) {
    perror(what);
    exit(2);
}

static inline struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void without_delay(int socket) {
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Answers are written whole: the kernel must have room for one.
static inline void with_room(int socket, size_t bytes) {
    int room = bytes;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

static inline char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "r");
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    *length = ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) fail(path);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

static inline int listen_on(int port) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = loopback(port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, BACKLOG)) fail("listen");
    return listener;
}

static inline int connect_to(int port) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(port);
    if (connect(connection, (void *)&address, sizeof address)) fail("connect");
    without_delay(connection);
    return connection;
}

static inline void watch(int epoll, int socket, uint32_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)) fail("epoll_ctl");
}

#endif
