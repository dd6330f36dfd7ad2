/* SPDX-License-Identifier: Apache-2.0 */
/* Load: many browsers at once, and a stopwatch.
 *
 * usage: load PORT TLS [TARGET]
 *
 * TLS is 0 or 1. Without TARGET, RFB is spoken as it is, with no WebSocket
 * around it. Each line on standard input is a command; its result is a line
 * of JSON, times in seconds:
 *
 *     open COUNT AT_ONCE KEEP    up to ServerInit; close each if KEEP is 0
 *     echo RATE SECONDS          requests of each session per second
 *     stream CHUNK MIB           on each session, chunks in KiB
 *     stall CHUNK MIB            likewise, but nobody reads
 *     close                      all of them
 */

#define _GNU_SOURCE
#include <poll.h>
#include <time.h>

#include "stream.h"

enum step { TLS_AND_HTTP, VERSION, COUNT, TYPES, RESULT, INIT, NAME, OPEN };
enum { REQUEST_BYTES = 10, MAX_SESSIONS = 16000, READ_BYTES = 262144,
       /* For what was asked last. */
       ANSWER_SECONDS = 10 };

struct session {
    struct stream stream;
    enum step step;
    double began, sent_at;
    int connecting;
    /* Of the handshake: what is read, and how much of it there must be. */
    unsigned char input[256];
    unsigned have, wanted;
    int line_end;
    /* Of WebSocket. */
    unsigned char head[10];
    unsigned head_size;
    unsigned long long frame_left;
    int opcode;
    unsigned long long received;
};

static int epoll, use_tls;
static int port;
static const char *target;
static SSL_CTX *context;
static struct session *sessions[MAX_SESSIONS];
static int session_count, opening, failed, keep;
static unsigned char buffer[READ_BYTES];
static double *times;
static long time_count, time_room;
static int command_waits;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void note(double seconds)
{
    if (time_count == time_room) {
        time_room = time_room ? 2 * time_room : 1024;
        times = realloc(times, time_room * sizeof *times);
        if (!times)
            fail("realloc");
    }
    times[time_count++] = seconds;
}

static int ascending(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double percentile(double part)
{
    if (!time_count)
        return 0;
    qsort(times, time_count, sizeof *times, ascending);
    long place = part * time_count;
    return times[place < time_count ? place : time_count - 1];
}

/* -- one session ---------------------------------------------------------- */

static int is_open(struct session *s)
{
    return s->step == OPEN;
}

static void end(struct session *s, int as_failure)
{
    if (s->stream.fd < 0)
        return;
    if (!is_open(s))
        opening--;
    failed += as_failure;
    stream_close(&s->stream);
}

/* Requests are so small that the kernel takes them whole, or is lost. */
static int say(struct session *s, const void *data, unsigned size)
{
    unsigned char frame[140] = {0x82, 0x80 | size, 0x37, 0xfa, 0x21, 0x3d};
    if (!target || s->step == TLS_AND_HTTP)
        return stream_write(&s->stream, data, size) == size ? 0 : GONE;
    for (unsigned i = 0; i < size; i++)
        frame[6 + i] = ((const unsigned char *)data)[i] ^ frame[2 + i % 4];
    return stream_write(&s->stream, frame, 6 + size) == 6 + size ? 0 : GONE;
}

static int pong(struct session *s)
{
    static const unsigned char frame[] = {0x8a, 0x80, 0, 0, 0, 0};
    return stream_write(&s->stream, frame, 6) == 6 ? 0 : GONE;
}

static int ask(struct session *s, int incremental, unsigned x, unsigned wh)
{
    unsigned char request[REQUEST_BYTES] = {
        3, incremental, x >> 8, x, 0, 0, wh >> 24, wh >> 16, wh >> 8, wh};
    return say(s, request, sizeof request);
}

static void expect(struct session *s, enum step step, unsigned size)
{
    s->step = step;
    s->wanted = size;
    s->have = 0;
}

static int advance(struct session *s)
{
    switch (s->step) {
    case VERSION:
        expect(s, COUNT, 1);
        return say(s, "RFB 003.008\n", 12);
    case COUNT:
        if (!s->input[0])
            return GONE;
        expect(s, TYPES, s->input[0]);
        return 0;
    case TYPES:
        expect(s, RESULT, 4);
        return say(s, "\1", 1);
    case RESULT:
        if (memcmp(s->input, "\0\0\0\0", 4))
            return GONE;
        expect(s, INIT, 24);
        return say(s, "\1", 1);
    case INIT:
        expect(s, NAME, s->input[23]);
        return 0;
    case NAME:
        s->step = OPEN;
        opening--;
        note(now() - s->began);
        return keep ? 0 : GONE;
    default:
        return GONE;
    }
}

static int take(struct session *s, const unsigned char *data,
                unsigned long long size)
{
    while (size && !is_open(s)) {
        unsigned part = s->wanted - s->have;
        if (part > size)
            part = size;
        memcpy(s->input + s->have, data, part);
        s->have += part;
        data += part;
        size -= part;
        if (s->have == s->wanted && advance(s))
            return GONE;
    }
    s->received += size;
    if (size && s->sent_at && s->received % REQUEST_BYTES == 0) {
        note(now() - s->sent_at);
        s->sent_at = 0;
    }
    return 0;
}

/* Size of the head of a frame, as far as it is known. */
static unsigned head_size(const struct session *s)
{
    if (s->head_size < 2)
        return 2;
    return s->head[1] == 127 ? 10 : s->head[1] == 126 ? 4 : 2;
}

static void begin_frame(struct session *s)
{
    s->opcode = s->head[0] & 15;
    s->frame_left = s->head[1];
    unsigned size = head_size(s);
    if (size > 2) {
        s->frame_left = 0;
        for (unsigned i = 2; i < size; i++)
            s->frame_left = s->frame_left << 8 | s->head[i];
    }
    s->head_size = 0;
}

static int decode(struct session *s, const unsigned char *data, long size)
{
    while (size) {
        if (!s->frame_left) {
            s->head[s->head_size++] = *data++;
            size--;
            if (s->head_size < head_size(s))
                continue;
            begin_frame(s);
            if (s->opcode == 8 || (s->opcode == 9 && pong(s)))
                return GONE;
            continue;
        }
        long part = size;
        if ((unsigned long long)part > s->frame_left)
            part = s->frame_left;
        if (s->opcode == 2 && take(s, data, part))
            return GONE;
        s->frame_left -= part;
        data += part;
        size -= part;
    }
    return 0;
}

/* Skip the head of the answer to the upgrade; it has to be a 101. */
static int read_http(struct session *s, const unsigned char **data,
                     long *size)
{
    while (*size) {
        unsigned char c = *(*data)++;
        --*size;
        if (s->have < 12)
            s->input[s->have++] = c;
        s->line_end = c == '\r' || c == '\n' ? s->line_end + 1 : 0;
        if (s->line_end == 4) {
            if (memcmp(s->input + 9, "101", 3))
                return GONE;
            expect(s, VERSION, 12);
            return 0;
        }
    }
    return 0;
}

static int request_upgrade(struct session *s)
{
    char text[1024];
    int size = snprintf(
        text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        target, port);
    return say(s, text, size);
}

static int began(struct session *s)
{
    if (s->stream.tls) {
        int done = SSL_do_handshake(s->stream.tls);
        if (done != 1)
            return tls_result(&s->stream, done);
    }
    s->connecting = 0;
    if (target)
        return request_upgrade(s);
    expect(s, VERSION, 12);
    return 0;
}

static int pull(struct session *s)
{
    if (s->connecting) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(epoll, EPOLL_CTL_MOD, s->stream.fd, &event);
        int result = began(s);
        if (result)
            return result == NOT_NOW ? 0 : GONE;
    }
    for (;;) {
        long got = stream_read(&s->stream, buffer, sizeof buffer);
        if (got == NOT_NOW)
            return 0;
        if (got == GONE)
            return GONE;
        const unsigned char *data = buffer;
        if (s->step == TLS_AND_HTTP && read_http(s, &data, &got))
            return GONE;
        if (target ? decode(s, data, got) : take(s, data, got))
            return GONE;
        if (!s->stream.tls)
            return 0;
    }
}

static void begin(void)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        fail("calloc");
    struct sockaddr_in address = loopback(port);
    s->began = now();
    s->connecting = 1;
    s->stream.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->stream.fd < 0)
        fail("socket");
    tune(s->stream.fd);
    sessions[session_count++] = s;
    opening++;
    if (connect(s->stream.fd, (struct sockaddr *)&address, sizeof address)
            && errno != EINPROGRESS) {
        end(s, 1);
        return;
    }
    if (use_tls)
        start_tls(&s->stream, context, 0);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->stream.fd, &event);
}

/* -- all of them ----------------------------------------------------------- */

static void pump(double seconds)
{
    struct pollfd waits = {.fd = epoll, .events = POLLIN};
    struct timespec pause = {
        seconds, (long)((seconds - (long)seconds) * 1e9)};
    if (ppoll(&waits, 1, seconds < 0 ? NULL : &pause, NULL) <= 0)
        return;
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, 0);
    for (int i = 0; i < count; i++) {
        struct session *s = events[i].data.ptr;
        if (!s)
            command_waits = 1;
        else if (s->stream.fd >= 0 && pull(s))
            end(s, !is_open(s));
    }
}

static int alive(void)
{
    int count = 0;
    for (int i = 0; i < session_count; i++)
        count += sessions[i]->stream.fd >= 0;
    return count;
}

static void close_all(void)
{
    for (int i = 0; i < session_count; i++) {
        end(sessions[i], 0);
        free(sessions[i]);
    }
    session_count = 0;
}

static void open_some(int count, int at_once)
{
    double start = now();
    time_count = failed = 0;
    for (int i = 0; i < count || opening; ) {
        while (i < count && opening < at_once
               && session_count < MAX_SESSIONS) {
            begin();
            i++;
        }
        pump(1);
        if (now() - start > 120)
            break;
    }
    double seconds = now() - start;
    printf("{\"opened\": %ld, \"failed\": %d, \"seconds\": %.6f, "
           "\"p50\": %.6f, \"p99\": %.6f}\n", time_count, failed, seconds,
           percentile(.5), percentile(.99));
    if (!keep)
        close_all();
}

static void echo(double rate, double seconds)
{
    long sent = 0, late = 0, turn = 0;
    long turns = session_count * rate * seconds + .5;
    double start = now();
    time_count = 0;
    while (turn < turns) {
        double t = now(), next = start + turn / (session_count * rate);
        if (t < next) {
            pump(next - t);
            continue;
        }
        struct session *s = sessions[turn++ % session_count];
        if (s->sent_at || s->stream.fd < 0) {
            late++;
            continue;
        }
        s->received = 0;
        s->sent_at = now();
        if (ask(s, 1, 0, 0))
            end(s, 0);
        else
            sent++;
        pump(0);
    }
    for (double end = now() + ANSWER_SECONDS;
         time_count < sent && now() < end; )
        pump(.1);
    for (int i = 0; i < session_count; i++)
        sessions[i]->sent_at = 0;
    printf("{\"sent\": %ld, \"answered\": %ld, \"late\": %ld, "
           "\"p50\": %.6f, \"p99\": %.6f, \"alive\": %d}\n", sent,
           time_count, late, percentile(.5), percentile(.99), alive());
}

static void request_stream(unsigned chunk, unsigned mib)
{
    for (int i = 0; i < session_count; i++) {
        sessions[i]->received = 0;
        if (ask(sessions[i], 0, chunk, mib))
            end(sessions[i], 0);
    }
}

static void stream(unsigned chunk, unsigned mib)
{
    double start = now();
    unsigned long long total = 0, all = 0;
    request_stream(chunk, mib);
    all = (unsigned long long)session_count * mib << 20;
    while (total < all && alive() == session_count
           && now() < start + 120) {
        pump(1);
        total = 0;
        for (int i = 0; i < session_count; i++)
            total += sessions[i]->received;
    }
    printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", total, now() - start);
}

static void stall(unsigned chunk, unsigned mib)
{
    for (int i = 0; i < session_count; i++)
        epoll_ctl(epoll, EPOLL_CTL_DEL, sessions[i]->stream.fd, NULL);
    request_stream(chunk, mib);
    printf("{\"alive\": %d}\n", alive());
}

static void obey(const char *line)
{
    int a = 0, b = 0;
    double x = 0, y = 0;
    if (sscanf(line, "open %d %d %d", &a, &b, &keep) == 3)
        open_some(a, b);
    else if (sscanf(line, "echo %lf %lf", &x, &y) == 2)
        echo(x, y);
    else if (sscanf(line, "stream %d %d", &a, &b) == 2)
        stream(a, b);
    else if (sscanf(line, "stall %d %d", &a, &b) == 2)
        stall(a, b);
    else {
        close_all();
        puts("{}");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[256];
    if (argc < 3) {
        fputs("usage: load PORT TLS [TARGET]\n", stderr);
        return 2;
    }
    raise_file_limit();
    port = atoi(argv[1]);
    use_tls = atoi(argv[2]);
    target = argc > 3 ? argv[3] : NULL;
    context = SSL_CTX_new(TLS_client_method());
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    /* Each command is one line, and the next comes after its result. */
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        pump(-1);
        if (!command_waits)
            continue;
        command_waits = 0;
        if (!fgets(line, sizeof line, stdin))
            return 0;
        obey(line);
    }
}
