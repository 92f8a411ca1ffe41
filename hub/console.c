#include "hub/console.h"

#include <string.h>

#include "common/panic.h"
#include "hub/console_files.h"

static const char root[] = "/console";

/* Scripts, styles and data come from this hub alone, and nothing that stands in the page runs. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                             "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                             "form-action 'none'; frame-ancestors 'none'";

static const struct {
    const char *extension, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *path)
{
    const char *extension = strrchr(path, '.');
    for (size_t i = 0; extension && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].extension, extension) == 0)
            return types[i].type;
    PANIC("a file of the console has no media type");
}

static void respond_text(struct http_request *http, unsigned status, const char *text)
{
    http_response_header(http, "X-Content-Type-Options", "nosniff");
    http_respond(http, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void respond_file(struct http_request *http, const struct console_file *file)
{
    /* The tags are compared weakly (RFC 9110, section 13.1.2); no tag is a part of another. */
    const char *known = http_request_header(http, "If-None-Match");
    http_response_header(http, "ETag", file->etag);
    /* Kept, but asked about each time: a page is never made of two versions for long. */
    http_response_header(http, "Cache-Control", "no-cache");
    if (known && (strcmp(known, "*") == 0 || strstr(known, file->etag))) {
        http_respond(http, 304, NULL, "", 0);
        return;
    }
    http_response_header(http, "Content-Security-Policy", policy);
    http_response_header(http, "X-Content-Type-Options", "nosniff");
    http_response_header(http, "Cross-Origin-Opener-Policy", "same-origin");
    http_response_header(http, "Cross-Origin-Resource-Policy", "same-origin");
    http_respond(http, 200, type_of(file->path), file->bytes, file->length);
}

static const struct console_file *find_file(const char *path)
{
    if (!*path)
        path = "index.html";
    for (size_t i = 0; i < console_files_count; i++)
        if (strcmp(console_files[i].path, path) == 0)
            return &console_files[i];
    return NULL;
}

bool console_handle(struct http_request *http)
{
    const char *path = http_request_path(http), *method = http_request_method(http);
    if (strncmp(path, root, strlen(root)) != 0)
        return false;
    path += strlen(root);
    if (*path != '\0' && *path != '/')
        return false;
    const struct console_file *file = *path ? find_file(path + 1) : NULL;
    if (*path && !file) {
        respond_text(http, 404, "there is nothing at this path\n");
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        http_response_header(http, "Allow", "GET, HEAD");
        respond_text(http, 405, "only GET and HEAD\n");
    } else if (file) {
        respond_file(http, file);
    } else {
        http_response_header(http, "Location", "console/"); /* relative: proxies may add a path */
        respond_text(http, 308, "the console is at /console/\n");
    }
    return true;
}
