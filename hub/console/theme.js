/* Light or dark, before anything is painted: hence no module. */
(function () {
  'use strict';
  const key = 'websub-console.theme';
  const dark = matchMedia('(prefers-color-scheme: dark)');

  function chosen() {
    try {
      const value = localStorage.getItem(key);
      return value === 'light' || value === 'dark' ? value : 'system';
    } catch {
      return 'system'; /* storage is forbidden */
    }
  }

  function apply(choice) {
    const theme = choice === 'system' ? (dark.matches ? 'dark' : 'light') : choice;
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new CustomEvent('themechange', { detail: theme }));
  }

  let choice = chosen();
  dark.addEventListener('change', () => apply(choice));
  apply(choice);

  window.consoleTheme = {
    get choice() {
      return choice;
    },
    choose(value) {
      choice = value;
      try {
        localStorage.setItem(key, value);
      } catch {
        /* for this page only, then */
      }
      apply(value);
    },
  };
})();
