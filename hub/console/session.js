/**
 * Credentials of whoever looks at the page: in this tab only (sessionStorage), gone with it or with
 * a sign-out. Nothing else of the page keeps them.
 */
const key = 'websub-console.session';

/** {authorization, name}, or null. */
let session = read();

function read() {
  try {
    const value = JSON.parse(sessionStorage.getItem(key));
    return typeof value?.authorization === 'string' ? value : null;
  } catch {
    return null;
  }
}

function store(value) {
  session = value;
  try {
    if (value) sessionStorage.setItem(key, JSON.stringify(value));
    else sessionStorage.removeItem(key);
  } catch {
    /* storage is forbidden: until the page is loaded again, then */
  }
}

/** The header as of RFC 7617: names and passwords are UTF-8. */
function basic(name, password) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export const authorization = () => session?.authorization ?? null;
export const userName = () => session?.name ?? null;
export const isSignedIn = () => session !== null;
export const keepPassword = (name, password) => store({ authorization: basic(name, password), name });
export const keepToken = token => store({ authorization: `Bearer ${token}`, name: null });
export const forget = () => store(null);
