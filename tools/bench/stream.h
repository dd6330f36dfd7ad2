/* SPDX-License-Identifier: Apache-2.0 */
/* Stream: one TCP connection that does not block, inside TLS or not.
 *
 * What backend.c and load.c have in common; it knows nothing of RFB.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GONE = -1, NOT_NOW = -2 };

struct stream {
    int fd;
    SSL *tls;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        fail("setrlimit");
}

static void tune(int fd)
{
    int one = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return address;
}

static void start_tls(struct stream *s, SSL_CTX *context, int as_server)
{
    s->tls = SSL_new(context);
    if (!s->tls || !SSL_set_fd(s->tls, s->fd)) {
        fputs("TLS cannot be set up\n", stderr);
        exit(1);
    }
    SSL_set_mode(s->tls, SSL_MODE_ENABLE_PARTIAL_WRITE
                             | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (as_server)
        SSL_set_accept_state(s->tls);
    else
        SSL_set_connect_state(s->tls);
}

static long tls_result(struct stream *s, int result)
{
    int error = SSL_get_error(s->tls, result);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return NOT_NOW;
    return GONE;
}

/* How many bytes, or GONE, or NOT_NOW. */
static long stream_read(struct stream *s, void *buffer, size_t size)
{
    if (s->tls) {
        int got = SSL_read(s->tls, buffer, size);
        return got > 0 ? got : tls_result(s, got);
    }
    long got = recv(s->fd, buffer, size, 0);
    if (got > 0)
        return got;
    return got < 0 && errno == EAGAIN ? NOT_NOW : GONE;
}

static long stream_write(struct stream *s, const void *data, size_t size)
{
    if (s->tls) {
        int sent = SSL_write(s->tls, data, size);
        return sent > 0 ? sent : tls_result(s, sent);
    }
    long sent = send(s->fd, data, size, MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN ? NOT_NOW : GONE;
}

static void stream_close(struct stream *s)
{
    if (s->tls)
        SSL_free(s->tls);
    if (s->fd >= 0)
        close(s->fd);
    s->tls = NULL;
    s->fd = -1;
}
