/** openapi.json, as a part of the program. */
#ifndef WEBSUB_HUB_API_OPENAPI_H
#define WEBSUB_HUB_API_OPENAPI_H

#include <stddef.h>

extern const unsigned char api_openapi[];
extern const size_t api_openapi_length;

#endif
