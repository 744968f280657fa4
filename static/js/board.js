/* The room board: one tab stop, arrows move between bars, Enter opens (it is a link), Space ticks the room.
   Works on whatever rows are there: more of them come while one scrolls. */

const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/* Every bar but one, and every tick box, leaves the tab order: the board is one stop. */
function oneStop(board) {
  const bars = [...board.querySelectorAll("a.bar")];
  const current = bars.find((bar) => bar.tabIndex === 0 && bar.dataset.stop) || bars[0];
  for (const bar of bars) bar.tabIndex = -1;
  for (const box of board.querySelectorAll("input[name=room]")) box.tabIndex = -1;
  if (current) {
    current.tabIndex = 0;
    current.dataset.stop = "1";
  }
}

function go(from, to) {
  if (!to) return;
  from.tabIndex = -1;
  delete from.dataset.stop;
  to.tabIndex = 0;
  to.dataset.stop = "1";
  to.focus();
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

function target(board, bar, key) {
  const rows = [...board.tBodies].flatMap((body) => [...body.rows]).filter((row) => row.querySelector("a.bar"));
  const row = bar.closest("tr");
  const bars = [...row.querySelectorAll("a.bar")];
  if (key === "Home") return bars[0];
  if (key === "End") return bars.at(-1);
  const [down, right] = moves[key];
  if (right) return bars[bars.indexOf(bar) + right];
  const next = rows[rows.indexOf(row) + down];
  return next && barAt(next, board.dataset.column ? Number(board.dataset.column) : columnOf(bar));
}

for (const frame of document.querySelectorAll("[data-board]")) {
  const board = frame.querySelector("table.board");
  const chosen = document.querySelector("[data-chosen]");
  const hint = chosen.textContent;
  document.querySelector("[data-keys]").hidden = false;
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
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") delete board.dataset.column;
    else board.dataset.column ??= columnOf(bar);
    go(bar, target(board, bar, event.key));
  });
  board.addEventListener("pointerdown", () => { delete board.dataset.column; });
  board.addEventListener("change", count);
  // Rows that were scrolled to (htmx) join in.
  document.addEventListener("htmx:afterSettle", () => oneStop(board));
  window.addEventListener("pageshow", count);
  oneStop(board);

  // Coming back from a room: the row one left from is in sight, and the keys go on from there.
  const row = location.hash.startsWith("#room-") && document.getElementById(location.hash.slice(1));
  const bar = row && row.querySelector("a.bar");
  if (bar) {
    go(board.querySelector("[data-stop]"), bar);
    row.scrollIntoView({ block: "center" });
  }
}
