// load PORT KEYS_FILE REQUESTS BODY_BYTES CONNECTIONS SECONDS RATE [CALLS [PATH [BODY_FILE]]]: calls a server on the loopback
// interface over HTTP/1.1 with keep-alive, on one thread, and prints what came of it as one JSON object.
//
// A BODY_FILE is JSON, and goes in the place of BODY_BYTES of text.
// REQUESTS are prepared, each with another key of the file (spread evenly over it), and gone round. BODY_BYTES 0: GET,
// otherwise POST. It ends after SECONDS, and after CALLS where that comes first. RATE 0: closed loop, each connection calls again as soon as it is answered. RATE above 0: open loop with
// Poisson arrivals; latency counts from the moment at which the call was to be sent, so that a server that stalls is not
// spared the calls that would have come (no coordinated omission). The longest gap is the longest time without any answer.
#include "common.h"
#include <math.h>
#include <time.h>

static const char *path = "/v1/orders/12345?expand=items", *type = "text/plain";
enum { CLOSED_LOOP_MOST_PER_SECOND = 250000, LONGEST_WAIT_NS = 50000000, QUEUE = 1 << 20 };

struct request { char *bytes; size_t length; };
struct connection { int socket; uint64_t since; size_t got, wanted; char bytes[BUFFER_BYTES]; };

static struct request *requests;
static size_t request_count, next_request, most_calls = SIZE_MAX;
static struct connection *connections;
static uint32_t *latencies;
static size_t latency_count, latency_room;
static uint64_t answered, failed, broken, dropped, last_answer, longest_gap;
static int port, epoll;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static char **read_keys(const char *path, size_t *count) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    char line[512], **keys = NULL;
    size_t room = 0;
    for (*count = 0; fgets(line, sizeof line, file); ++*count) {
        if (*count == room) keys = realloc(keys, (room = room ? room * 2 : 1024) * sizeof *keys);
        line[strcspn(line, "\r\n")] = 0;
        keys[*count] = strdup(line);
    }
    fclose(file);
    if (!*count) fail("no keys");
    return keys;
}

static void prepare(const char *keys_file, size_t body_bytes, const char *body_file) {
    size_t key_count;
    char **keys = read_keys(keys_file, &key_count), *body = malloc(body_bytes + 1);
    memset(body, 'x', body_bytes);
    body[body_bytes] = 0;
    if (body_file) {
        body = read_file(body_file, &body_bytes);
        type = "application/json";
    }
    requests = malloc(request_count * sizeof *requests);
    for (size_t i = 0; i < request_count; i++) {
        const char *key = keys[i * key_count / request_count % key_count];
        int length = body_bytes
            ? asprintf(&requests[i].bytes,
                       "POST %s HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: %s\r\nContent-Type: %s\r\n"
                       "Content-Length: %zu\r\n\r\n%s", path, key, type, body_bytes, body)
            : asprintf(&requests[i].bytes, "GET %s HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: %s\r\n\r\n", path, key);
        if (length < 0) fail("asprintf");
        requests[i].length = length;
    }
    // In an order of its own, the same in each run: neighbours in the file must not be neighbours in time.
    srandom(42);
    for (size_t i = request_count - 1; i > 0; i--) {
        size_t other = random() % (i + 1);
        struct request held = requests[i];
        requests[i] = requests[other];
        requests[other] = held;
    }
}

static void open_connection(size_t index) {
    connections[index].socket = connect_to(port);
    watch(epoll, connections[index].socket, index);
}

static void call(struct connection *connection, uint64_t since) {
    struct request *request = &requests[next_request];
    if (++next_request == request_count) next_request = 0;
    connection->since = since;
    connection->got = connection->wanted = 0;
    if (send(connection->socket, request->bytes, request->length, MSG_NOSIGNAL) != (ssize_t)request->length) broken++;
}

// Read what has come. 1: the answer is complete; 0: not yet; -1: the connection has ended.
static int read_answer(struct connection *connection) {
    char *bytes = connection->bytes;
    // Of a body whose length is known nothing is looked at: one may be larger than the buffer.
    size_t from = connection->wanted && connection->wanted != SIZE_MAX ? 0 : connection->got;
    ssize_t got = recv(connection->socket, bytes + from, BUFFER_BYTES - 1 - from, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) return -1;
    connection->got += got;
    if (!connection->wanted) {
        bytes[connection->got] = 0;
        char *end = strstr(bytes, "\r\n\r\n");
        if (!end) return 0;
        char *length = strcasestr(bytes, "\ncontent-length:"), *chunked = strcasestr(bytes, "chunked");
        connection->wanted = end + 4 - bytes;
        if (length && length < end) connection->wanted += strtoul(length + 16, NULL, 10);
        else if (chunked && chunked < end) connection->wanted = SIZE_MAX;
        if (bytes[9] != '2') failed++;
    }
    if (connection->wanted == SIZE_MAX) return connection->got >= 5 && !memcmp(bytes + connection->got - 5, "0\r\n\r\n", 5);
    return connection->got >= connection->wanted;
}

static void note(uint64_t latency, uint64_t time) {
    answered++;
    if (last_answer && time - last_answer > longest_gap) longest_gap = time - last_answer;
    last_answer = time;
    if (latency_count < latency_room) latencies[latency_count++] = latency > UINT32_MAX ? UINT32_MAX : latency;
}

static int by_size(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double quantile_us(double part) {
    return latency_count ? latencies[(size_t)((latency_count - 1) * part)] / 1000.0 : 0;
}

static void run(size_t connection_count, uint64_t end, double rate) {
    static uint64_t queue[QUEUE];
    uint32_t first = 0, last = 0;
    size_t free_count = 0, *free_connections = malloc(connection_count * sizeof *free_connections);
    uint64_t arrival = now();
    for (size_t i = 0; i < connection_count; i++) {
        if (rate > 0) free_connections[free_count++] = i;
        else call(&connections[i], now());
    }
    for (uint64_t time = now(); time < end && answered < most_calls; time = now()) {
        struct timespec wait = {.tv_nsec = LONGEST_WAIT_NS};
        if (rate > 0) {
            for (; arrival <= time; arrival += (uint64_t)(-log(1 - drand48()) / rate * 1e9)) {
                if (free_count && first == last) call(&connections[free_connections[--free_count]], arrival);
                else if (last - first < QUEUE) queue[last++ % QUEUE] = arrival;
                else dropped++;
            }
            if (arrival - time < LONGEST_WAIT_NS) wait.tv_nsec = arrival - time;
        }
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_pwait2(epoll, events, MOST_EVENTS, &wait, NULL);
        for (int i = 0; i < ready; i++) {
            size_t index = events[i].data.u32;
            int state = read_answer(&connections[index]);
            if (!state) continue;
            uint64_t then = now();
            if (state > 0) {
                note(then - connections[index].since, then);
            } else {
                broken++;
                close(connections[index].socket);
                open_connection(index);
            }
            if (rate <= 0) call(&connections[index], then);
            else if (first != last) call(&connections[index], queue[first++ % QUEUE]);
            else free_connections[free_count++] = index;
        }
    }
    dropped += last - first;
}

int main(int count, char **words) {
    if (count < 8) {
        fprintf(stderr, "load PORT KEYS_FILE REQUESTS BODY_BYTES CONNECTIONS SECONDS RATE [CALLS [PATH [BODY_FILE]]]\n");
        return 1;
    }
    if (count > 8) most_calls = strtoul(words[8], NULL, 10);
    if (count > 9) path = words[9];
    port = atoi(words[1]);
    request_count = strtoul(words[3], NULL, 10);
    prepare(words[2], strtoul(words[4], NULL, 10), count > 10 ? words[10] : NULL);
    size_t connection_count = strtoul(words[5], NULL, 10);
    double seconds = atof(words[6]), rate = atof(words[7]);
    srand48(7);
    latency_room = (rate > 0 ? rate * 1.5 : CLOSED_LOOP_MOST_PER_SECOND) * seconds + 1000;
    latencies = malloc(latency_room * sizeof *latencies);
    connections = calloc(connection_count, sizeof *connections);
    epoll = epoll_create1(0);
    for (size_t i = 0; i < connection_count; i++) open_connection(i);
    uint64_t start = now();
    run(connection_count, start + (uint64_t)(seconds * 1e9), rate);
    double took = (now() - start) / 1e9;
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    printf("{\"requests\": %lu, \"rate\": %.1f, \"not_2xx\": %lu, \"broken\": %lu, \"left_over\": %lu, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"most_us\": %.1f, \"longest_gap_us\": %.1f}\n",
           answered, answered / took, failed, broken, dropped, quantile_us(.5), quantile_us(.99), quantile_us(.999),
           quantile_us(1), longest_gap / 1000.0);
}
