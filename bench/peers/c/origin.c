// origin PORT [BODY_FILE]: answers every request over HTTP/1.1 with the same JSON: 200 bytes, or a file. It follows bodies with a
// length, and trusts what it reads: it stands behind a proxy on the loopback interface.
#include "common.h"

static const char BODY[] =
    "{\"id\":12345,\"name\":\"partner order\",\"items\":[{\"sku\":\"A-1\",\"qty\":2},{\"sku\":\"B-7\",\"qty\":1}],"
    "\"total\":129.95,\"currency\":\"EUR\",\"status\":\"accepted\",\"note\":\"as agreed by telephone on the first of May\"}";

static char *answer;
static ssize_t answer_bytes;
// Of each connection: bytes of a body still to come, and the part of a head that has come.
static size_t body_left[MOST_SOCKETS];
static struct { char *bytes; size_t length; } held[MOST_SOCKETS];

// Give the length that a head declares; 0 where it declares none.
static size_t declared_length(const char *head, const char *end) {
    const char *field = strcasestr(head, "\ncontent-length:");
    return field && field < end ? strtoul(field + 16, NULL, 10) : 0;
}

// Count the requests that end within these bytes; what is left of a head is moved to the front of `bytes`.
static int requests_in(int socket, char *bytes, size_t *length) {
    int complete = 0;
    char *at = bytes, *end = bytes + *length;
    while (at < end) {
        if (body_left[socket]) {
            size_t taken = (size_t)(end - at) < body_left[socket] ? (size_t)(end - at) : body_left[socket];
            body_left[socket] -= taken;
            at += taken;
            complete += body_left[socket] == 0;
            continue;
        }
        char *head_end = strstr(at, "\r\n\r\n");
        if (!head_end) break;
        body_left[socket] = declared_length(at, head_end);
        complete += body_left[socket] == 0;
        at = head_end + 4;
    }
    *length = end - at;
    memmove(bytes, at, *length);
    return complete;
}

static void forget(int socket) {
    free(held[socket].bytes);
    held[socket].bytes = NULL;
    held[socket].length = body_left[socket] = 0;
}

static void serve(int socket) {
    static char bytes[BUFFER_BYTES + 1];
    size_t length = held[socket].length;
    if (length) memcpy(bytes, held[socket].bytes, length);
    ssize_t got = read(socket, bytes + length, BUFFER_BYTES - length);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        forget(socket);
        close(socket);
        return;
    }
    length += got;
    bytes[length] = 0;
    int complete = requests_in(socket, bytes, &length);
    if (length || held[socket].length) {
        held[socket].bytes = realloc(held[socket].bytes, length + 1);
        memcpy(held[socket].bytes, bytes, length);
        held[socket].length = length;
    }
    while (complete--)
        if (write(socket, answer, answer_bytes) != answer_bytes) return;
}

static void prepare(const char *body, size_t length) {
    int head = asprintf(&answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    answer = head < 0 ? NULL : realloc(answer, head + length);
    if (!answer) fail("answer");
    memcpy(answer + head, body, length);
    answer_bytes = head + length;
}

int main(int count, char **words) {
    if (count != 2 && count != 3) return fprintf(stderr, "origin PORT [BODY_FILE]\n"), 1;
    size_t length = sizeof BODY - 1;
    char *body = count == 3 ? read_file(words[2], &length) : NULL;
    prepare(body ? body : BODY, length);
    int listener = listen_on(atoi(words[1])), epoll = epoll_create1(0);
    watch(epoll, listener, listener);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.u32, client;
            if (socket != listener) {
                serve(socket);
                continue;
            }
            while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                without_delay(client);
                if (answer_bytes > SMALL_BYTES) with_room(client, answer_bytes);
                watch(epoll, client, client);
            }
        }
    }
}
