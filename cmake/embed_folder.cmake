# Writes the FILES (separated by ";", relative to FOLDER) as a C array NAME of struct TYPE, by path, and
# NAME_count to OUTPUT, which includes HEADER. An element is {path, bytes, length, ETag of the bytes}.
include(${CMAKE_CURRENT_LIST_DIR}/embed_bytes.cmake)

set(number 0)
set(arrays "")
set(elements "")
list(SORT FILES)
foreach(path IN LISTS FILES)
  embed_bytes(${FOLDER}/${path} bytes)
  file(SHA256 ${FOLDER}/${path} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}\n};\n")
  string(APPEND elements
         "    {\"${path}\", file_${number}, sizeof(file_${number}), \"\\\"${hash}\\\"\"},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "/* Made from the files in ${FOLDER}: do not edit. */
#include \"${HEADER}\"

${arrays}
const struct ${TYPE} ${NAME}[] = {
${elements}};
const size_t ${NAME}_count = ${number};
")
