'use strict';
(() => {
  const say = document.body.dataset;
  const root = document.documentElement;
  const status = document.getElementById('said');

  document.querySelector('.tools').hidden = false;
  document.getElementById('theme').addEventListener('click', () => {
    const isDark = root.classList.contains('dark')
      || (!root.classList.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
    root.classList.toggle('dark', !isDark);
    root.classList.toggle('light', isDark);
  });
  let haveLocal = false;
  document.getElementById('local').addEventListener('click', (event) => {
    if (!haveLocal) {
      const format = new Intl.DateTimeFormat(root.lang, { dateStyle: 'short', timeStyle: 'long' });
      for (const time of document.querySelectorAll('time')) {
        time.dataset.local = format.format(new Date(time.dateTime));
      }
      haveLocal = true;
    }
    const on = document.body.classList.toggle('local');
    event.target.setAttribute('aria-pressed', String(on));
  });

  const value = (field) => field.dataset.v ?? field.textContent;
  const values = (cell) => Array.from(cell.children, value);
  // A spreadsheet must not take a name for a formula.
  const guard = (text) => (/^[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^-?\d+$/.test(text) ? "'" + text : text);
  const grid = (table) => {
    const heads = Array.from(table.tHead.rows[0].cells, (head) => head.firstChild.textContent.trim());
    const rows = Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
    return [heads, ...rows.map((row) => Array.from(row.cells, (cell) => values(cell).join(' ').trim()))];
  };
  const quoted = (text) => '"' + guard(text).replaceAll('"', '""') + '"';

  const tools = (table) => {
    const body = table.tBodies[0];
    const bar = document.createElement('div');
    bar.className = 'bar';
    const search = document.createElement('input');
    search.type = 'search';
    search.placeholder = say.search;
    search.setAttribute('aria-label', say.search + ': ' + table.caption.firstChild.textContent.trim());
    const count = document.createElement('span');
    count.className = 'small';
    const button = (text, act) => {
      const made = document.createElement('button');
      made.type = 'button';
      made.textContent = text;
      made.addEventListener('click', act);
      return made;
    };
    let words = null;
    const filter = () => {
      words ??= new Map(Array.from(body.rows, (row) => [row, {
        text: Array.from(row.cells, (cell) => values(cell).join(' ') + ' ' + cell.textContent).join(' ').toLowerCase(),
        // What the row says in words of closed lists, as severity=high.
        pairs: new Set(Array.from(row.querySelectorAll('.word[data-c]'), (field) => field.dataset.c + '=' + value(field))),
      }]));
      const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      const isPair = (word) => /^(severity|status|outcome|state)=/.test(word);
      for (const [row, { text, pairs }] of words) {
        row.hidden = !wanted.every((word) => (isPair(word) ? pairs.has(word) : text.includes(word)));
        if (!row.hidden) shown += 1;
      }
      count.textContent = `${shown} ${say.of} ${words.size} ${say.rows}`;
    };
    search.addEventListener('input', filter);
    table.filterBy = (text) => { search.value = text; filter(); };
    const copy = button(say.copy, () => {
      const text = grid(table).map((row) => row.map((cell) => guard(cell.replace(/[\t\n]/g, ' '))).join('\t')).join('\n');
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
      status.textContent = say.copied;
    });
    const save = button(say.save, () => {
      const text = '\ufeff' + grid(table).map((row) => row.map(quoted).join(',')).join('\r\n') + '\r\n';
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
      link.download = table.id + '.csv';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
    bar.append(search, copy, save, count);
    table.parentElement.before(bar);

    Array.from(table.tHead.rows[0].cells).forEach((head, place) => {
      const sort = button(head.textContent, () => {
        const up = head.getAttribute('aria-sort') !== (head.classList.contains('number') ? 'descending' : 'ascending');
        const isUp = head.classList.contains('number') ? !up : up;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', isUp ? 'ascending' : 'descending');
        const rank = ['critical', 'high', 'medium', 'low', 'info'];
        const key = (row) => {
          const texts = values(row.cells[place]);
          const text = texts[0] ?? '';
          if (/^-?\d+$/.test(text)) return [0, Number(text), ''];
          if (rank.includes(text)) return [0, rank.indexOf(text), ''];
          return [1, 0, texts.join(' ').toLowerCase()];
        };
        const keyed = Array.from(body.rows, (row) => [key(row), row]);
        keyed.sort(([a], [b]) => (a[0] - b[0] || a[1] - b[1] || (a[2] < b[2] ? -1 : Number(a[2] > b[2]))) * (isUp ? 1 : -1));
        body.append(...keyed.map(([, row]) => row));
      });
      sort.title = say.sort;
      const printed = document.createElement('span');
      printed.className = 'printed';
      printed.ariaHidden = 'true';
      printed.textContent = head.textContent;
      head.replaceChildren(sort, printed);
    });
  };
  document.querySelectorAll('main table').forEach((table) => {
    if (table.tBodies[0].rows.length > 1) tools(table);
  });

  for (const link of document.querySelectorAll('a[data-filter]')) {
    link.addEventListener('click', () => {
      const section = document.querySelector(link.getAttribute('href'));
      const table = section && section.querySelector('table');
      if (table && table.filterBy) table.filterBy(link.dataset.filter);
    });
  }
})();
