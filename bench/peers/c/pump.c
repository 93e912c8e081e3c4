// pump PORT ORIGIN_PORT: passes bytes between a client and the origin, and looks at none of them. One thread, one read and
// one write per direction: no proxy on sockets can cost less.
#include "common.h"

static int peer[MOST_SOCKETS];

static void pair(int epoll, int client, int origin_port) {
    int origin = connect_to(origin_port);
    without_delay(client);
    peer[client] = origin;
    peer[origin] = client;
    watch(epoll, client, client);
    watch(epoll, origin, origin);
}

static void part(int socket) {
    int other = peer[socket];
    peer[socket] = -1;
    close(socket);
    if (other >= 0) {
        close(other);
        peer[other] = -1;
    }
}

static void pass_on(int socket) {
    static char bytes[BUFFER_BYTES];
    ssize_t got = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || peer[socket] < 0 || send(peer[socket], bytes, got, MSG_NOSIGNAL) != got) part(socket);
}

int main(int count, char **words) {
    if (count != 3) return fprintf(stderr, "pump PORT ORIGIN_PORT\n"), 1;
    int listener = listen_on(atoi(words[1])), origin_port = atoi(words[2]), epoll = epoll_create1(0);
    watch(epoll, listener, listener);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.u32, client;
            if (socket != listener) {
                pass_on(socket);
                continue;
            }
            while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) pair(epoll, client, origin_port);
        }
    }
}
