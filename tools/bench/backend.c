/* SPDX-License-Identifier: Apache-2.0 */
/* Backend: what a VNC server costs a proxy, without what it costs itself.
 *
 * usage: backend PLAIN VENCRYPT TLS CERTIFICATE KEY
 *
 * Three ports of the loopback address: RFB 3.8 with security type None, with
 * VeNCrypt (X509None), and with None inside TLS. It paints nothing. A
 * FramebufferUpdateRequest that is incremental is sent back as it is; of
 * one that is not, x is the size of a chunk in KiB, and width and height are
 * the number of MiB that come in such chunks.
 */

#include "stream.h"

enum step { VERSION, SECURITY, VENCRYPT, SUBTYPE, INIT, SERVING };
enum kind { PLAIN, VENCRYPTED, WITHIN_TLS, KINDS };
enum { REQUEST_BYTES = 10, MAX_CHUNK = 65536, SENDS_A_TURN = 16 };

static const int wanted[] = {12, 1, 2, 4, 1, REQUEST_BYTES};

struct session {
    struct stream stream;
    enum kind kind;
    enum step step;
    unsigned char input[16];
    int have;
    unsigned char output[64];
    int out_size, out_sent;
    long chunk, chunk_left;
    unsigned long long left;
    int asks_to_write, tls_pending;
};

static int epoll;
static SSL_CTX *context;
static int listeners[KINDS];
static unsigned char content[MAX_CHUNK];

static void listen_for(struct session *s, int write)
{
    if (write == s->asks_to_write)
        return;
    struct epoll_event event = {
        .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_MOD, s->stream.fd, &event);
    s->asks_to_write = write;
}

static void say(struct session *s, const void *data, int size)
{
    memcpy(s->output + s->out_size, data, size);
    s->out_size += size;
}

static void say_server_init(struct session *s)
{
    static const unsigned char init[] = {
        4, 0, 3, 0,
        32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
        0, 0, 0, 5, 'b', 'e', 'n', 'c', 'h'};
    say(s, init, sizeof init);
}

static int serve(struct session *s)
{
    const unsigned char *m = s->input;
    if (m[0] != 3)
        return GONE;
    if (m[1]) {
        if (s->out_size + REQUEST_BYTES <= (int)sizeof s->output)
            say(s, m, REQUEST_BYTES);
        return 0;
    }
    s->chunk = s->chunk_left = (m[2] << 8 | m[3]) * 1024L;
    if (!s->chunk || s->chunk > MAX_CHUNK)
        return GONE;
    s->left = ((unsigned long long)m[6] << 24 | m[7] << 16 | m[8] << 8
               | m[9]) << 20;
    return 0;
}

static int step(struct session *s)
{
    switch (s->step) {
    case VERSION:
        say(s, s->kind == VENCRYPTED ? "\1\23" : "\1\1", 2);
        s->step = SECURITY;
        return 0;
    case SECURITY:
        if (s->kind == VENCRYPTED) {
            say(s, "\0\2", 2);
            s->step = VENCRYPT;
            return 0;
        }
        say(s, "\0\0\0\0", 4);
        s->step = INIT;
        return 0;
    case VENCRYPT:
        say(s, "\0\1\0\0\1\4", 6);
        s->step = SUBTYPE;
        return 0;
    case SUBTYPE:
        say(s, "\1", 1);
        s->step = INIT;
        s->tls_pending = 1;
        return 0;
    case INIT:
        say_server_init(s);
        s->step = SERVING;
        return 0;
    case SERVING:
        return serve(s);
    }
    return GONE;
}

/* Write what waits, then the chunks, for a bounded while. */
static int push(struct session *s)
{
    for (int turn = 0; turn < SENDS_A_TURN; turn++) {
        long sent;
        if (s->out_sent < s->out_size) {
            sent = stream_write(&s->stream, s->output + s->out_sent,
                                s->out_size - s->out_sent);
            if (sent > 0 && (s->out_sent += sent) == s->out_size)
                s->out_size = s->out_sent = 0;
        } else if (s->tls_pending) {
            s->tls_pending = 0;
            start_tls(&s->stream, context, 1);
            say(s, "\0\0\0\0", 4);
            continue;
        } else if (s->left) {
            /* A server that paints writes a piece at a time. */
            sent = stream_write(&s->stream, content, s->chunk_left);
            if (sent > 0) {
                s->left -= sent;
                s->chunk_left -= sent;
                if (!s->chunk_left)
                    s->chunk_left = s->chunk;
                if (s->left < (unsigned long long)s->chunk_left)
                    s->chunk_left = s->left;
            }
        } else {
            listen_for(s, 0);
            return 0;
        }
        if (sent == GONE)
            return GONE;
        if (sent == NOT_NOW)
            break;
    }
    listen_for(s, 1);
    return 0;
}

static int pull(struct session *s)
{
    for (;;) {
        long got = stream_read(&s->stream, s->input + s->have,
                               wanted[s->step] - s->have);
        if (got == GONE)
            return GONE;
        if (got == NOT_NOW)
            return 0;
        s->have += got;
        if (s->have < wanted[s->step])
            continue;
        s->have = 0;
        if (step(s) || push(s))
            return GONE;
    }
}

static void greet(int fd, enum kind kind)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        fail("calloc");
    s->stream.fd = fd;
    s->kind = kind;
    tune(fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    if (kind == WITHIN_TLS)
        start_tls(&s->stream, context, 1);
    say(s, "RFB 003.008\n", 12);
    if (push(s)) {
        stream_close(&s->stream);
        free(s);
    }
}

static void open_port(enum kind kind, int port)
{
    int one = 1;
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)
            || listen(fd, 4096))
        fail("listen");
    struct epoll_event event = {
        .events = EPOLLIN, .data.ptr = &listeners[kind]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    listeners[kind] = fd;
}

static void handle(struct epoll_event *event)
{
    int *listener = event->data.ptr;
    if (listener >= listeners && listener < listeners + KINDS) {
        int fd;
        while ((fd = accept(*listener, NULL, NULL)) >= 0)
            greet(fd, listener - listeners);
        return;
    }
    struct session *s = event->data.ptr;
    int result = event->events & EPOLLOUT ? push(s) : 0;
    if (!result && event->events & ~EPOLLOUT)
        result = pull(s);
    if (result) {
        stream_close(&s->stream);
        free(s);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: backend PLAIN VENCRYPT TLS CERTIFICATE KEY\n", stderr);
        return 2;
    }
    raise_file_limit();
    context = SSL_CTX_new(TLS_server_method());
    if (!context
            || SSL_CTX_use_certificate_chain_file(context, argv[4]) != 1
            || SSL_CTX_use_PrivateKey_file(context, argv[5],
                                           SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    epoll = epoll_create1(0);
    for (int kind = 0; kind < KINDS; kind++)
        open_port(kind, atoi(argv[1 + kind]));
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++)
            handle(&events[i]);
    }
}
