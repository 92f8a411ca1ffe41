# Writes INPUT as a C array NAME and its length NAME_length to OUTPUT, which includes HEADER.
include(${CMAKE_CURRENT_LIST_DIR}/embed_bytes.cmake)

embed_bytes(${INPUT} bytes)
file(WRITE ${OUTPUT} "/* Made from ${INPUT}: do not edit. */
#include \"${HEADER}\"

const unsigned char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_length = sizeof(${NAME});
")
