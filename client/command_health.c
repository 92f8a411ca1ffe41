/* websub health: for containers without a shell, whose health is asked for by running a program. */
#include <stdio.h>

#include <curl/curl.h>

#include "client/command.h"

enum { TIMEOUT_MS = 3000 };

static size_t ignore(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static CURLcode get(CURL *easy, const struct command_options *options, long *status)
{
    curl_easy_setopt(easy, CURLOPT_URL, options->arguments[0]);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    /* Asked by an address that no certificate names, as Kubernetes' probes are. */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->any_certificate ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->any_certificate ? 0L : 2L);
    CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    return code;
}

int command_health(const struct command_options *options)
{
    CURL *easy = curl_easy_init();
    long status = 0;
    CURLcode code = easy ? get(easy, options, &status) : CURLE_FAILED_INIT;
    curl_easy_cleanup(easy);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return command_refuse_usage("health: URL must be an http or https URL");
    if (code != CURLE_OK) {
        fprintf(stderr, "websub: %s\n", curl_easy_strerror(code));
        return COMMAND_UNAVAILABLE;
    }
    if (status < 200 || status > 299) {
        fprintf(stderr, "websub: answered %ld\n", status);
        return COMMAND_UNAVAILABLE;
    }
    return COMMAND_DONE;
}
