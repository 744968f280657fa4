/* The room board: one tab stop, arrows move between bars, Enter opens (it is a link), Space ticks the room.
   Works on whatever rows are there: more of them come while one scrolls. */

const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/* Every bar but the current one, and every tick box, leaves the tab order: the board is one stop. */
function oneStop(board, current) {
  for (const bar of board.querySelectorAll("a.bar")) bar.tabIndex = -1;
  for (const box of board.querySelectorAll("input[name=room]")) box.tabIndex = -1;
  const stop = current || board.querySelector("a.bar");
  if (stop) stop.tabIndex = 0;
}

/* The day a bar begins on, as the number of the column. */
function columnOf(bar) {
  let column = 0;
  for (let cell = bar.closest("td").previousElementSibling; cell && cell.tagName === "TD"; cell = cell.previousElementSibling) column += cell.colSpan;
  return column;
}

/* The bar of a row that holds a column. */
function barAt(row, column) {
  let end = 0;
  const cells = [...row.querySelectorAll("td")];
  return (cells.find((cell) => (end += cell.colSpan) > column) || cells.at(-1))?.querySelector("a.bar");
}

function target(board, bar, key, column) {
  const rows = [...board.tBodies].flatMap((body) => [...body.rows]).filter((row) => row.querySelector("a.bar"));
  const row = bar.closest("tr");
  const bars = [...row.querySelectorAll("a.bar")];
  if (key === "Home") return bars[0];
  if (key === "End") return bars.at(-1);
  const [down, right] = moves[key];
  if (right) return bars[bars.indexOf(bar) + right];
  const next = rows[rows.indexOf(row) + down];
  return next && barAt(next, column);
}

for (const frame of document.querySelectorAll("[data-board]")) {
  const board = frame.querySelector("table.board");
  const chosen = document.querySelector("[data-chosen]");
  const hint = chosen.textContent;
  let current = null;
  let column = null;
  document.querySelector("[data-keys]").hidden = false;
  document.querySelector("[data-paging]")?.remove();
  // The frame itself scrolls by the bars' focus; without a script it has to be a stop of its own.
  frame.removeAttribute("tabindex");

  const count = () => {
    const boxes = [...board.querySelectorAll("input[name=room]:checked")];
    for (const row of board.querySelectorAll("tr.ticked")) row.classList.remove("ticked");
    for (const box of boxes) box.closest("tr").classList.add("ticked");
    chosen.textContent = boxes.length ? chosen.dataset.text.replace("{n}", boxes.length) : hint;
  };

  board.addEventListener("keydown", (event) => {
    const bar = event.target.closest("a.bar");
    if (!bar || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " ") {
      event.preventDefault();
      const box = bar.closest("tr").querySelector("input[name=room]");
      box.checked = !box.checked;
      count();
      return;
    }
    if (!(event.key in moves) && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    // Going down past short bars keeps to the day one came from.
    column = event.key === "ArrowUp" || event.key === "ArrowDown" ? column ?? columnOf(bar) : null;
    target(board, bar, event.key, column)?.focus();
  });
  board.addEventListener("focusin", (event) => {
    const bar = event.target.closest("a.bar");
    if (!bar) return;
    (current || board.querySelector("a.bar")).tabIndex = -1;
    bar.tabIndex = 0;
    current = bar;
  });
  board.addEventListener("pointerdown", () => { column = null; });
  board.addEventListener("change", count);
  // Rows that were scrolled to (htmx) join in.
  document.addEventListener("htmx:afterSettle", () => oneStop(board, current));
  oneStop(board);
  window.addEventListener("pageshow", () => {
    count();
    // Coming back from a room: the row one left from is in sight, and the keys go on from there. The browser
    // itself goes to the row until the page is shown, and takes the focus away.
    const row = location.hash.startsWith("#room-") && document.getElementById(location.hash.slice(1));
    if (!row) return;
    row.querySelector("a.bar").focus();
    row.scrollIntoView({ block: "center" });
  });
}
