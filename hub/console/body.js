/** Bodies of messages, as they are: bytes, text, JSON set out in lines. Pure. */

/** Bytes of a body as the API gives it: {encoding: "text" | "base64", data}. */
export function bytesOf(body) {
  if (body.encoding === 'text') return new TextEncoder().encode(body.data);
  return Uint8Array.from(atob(body.data), c => c.charCodeAt(0));
}

export function base64Of(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/.{76}/g, '$&\n');
}

const hex = (value, width) => value.toString(16).padStart(width, '0');

/** Lines of 16 bytes: offset, hexadecimal, and what of it is printable. */
export function hexLines(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const codes = row.map(byte => hex(byte, 2)).join(' ').padEnd(47);
    const text = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${hex(at, 8)}  ${codes}  ${text}`);
  }
  return lines.join('\n');
}

export function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const token = /"(?:\\.|[^"\\])*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/**
 * Valid JSON with line breaks and indentation. Its tokens stay as they are: parsing and writing it
 * again would round large numbers and drop members of the same name.
 *
 * @returns pieces, [{text, kind: "key" | "string" | "number" | "word" | "plain"}]
 */
export function layOut(text) {
  const tokens = text.match(token) ?? [];
  const pieces = [];
  let depth = 0;
  const add = (piece, kind = 'plain') => pieces.push({ text: piece, kind });
  const newLine = () => add(`\n${'  '.repeat(depth)}`);
  for (let i = 0; i < tokens.length; i++) {
    const now = tokens[i];
    const next = tokens[i + 1];
    if (now === '{' || now === '[') {
      add(now);
      if (next === '}' || next === ']') continue;
      depth++;
      newLine();
    } else if (now === '}' || now === ']') {
      const empty = tokens[i - 1] === '{' || tokens[i - 1] === '[';
      if (!empty) {
        depth--;
        newLine();
      }
      add(now);
    } else if (now === ',') {
      add(now);
      newLine();
    } else if (now === ':') {
      add(': ');
    } else if (now[0] === '"') {
      add(now, next === ':' ? 'key' : 'string');
    } else {
      add(now, /^[tfn]/.test(now) ? 'word' : 'number');
    }
  }
  return pieces;
}
