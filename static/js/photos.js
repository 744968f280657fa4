/* Photographs are made smaller before they travel: a phone's 6 MB picture becomes about 400 KB.
   Without this file the plain file field sends them as they are. */

/* global Compressor */
const LONGEST_EDGE = 2000;

function shrink(file) {
  return new Promise((resolve) => {
    if (!file.type.startsWith("image/") || file.size < 400_000) {
      resolve(file);
      return;
    }
    new Compressor(file, {
      maxWidth: LONGEST_EDGE,
      maxHeight: LONGEST_EDGE,
      quality: 0.8,
      mimeType: "image/jpeg",
      success: (smaller) => resolve(smaller.size < file.size ? new File([smaller], file.name.replace(/\.\w+$/, ".jpg"), { type: "image/jpeg" }) : file),
      error: () => resolve(file), // the server looks at it and says what is wrong
    });
  });
}

for (const input of document.querySelectorAll("input[type=file][data-photos]")) {
  const list = document.createElement("ul");
  list.className = "photos";
  const note = document.createElement("p");
  note.className = "hint";
  note.setAttribute("role", "status");
  input.after(list, note);
  const template = document.getElementById(`${input.id}-words`);
  const words = template ? template.dataset : {};
  let kept = [];

  function show() {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...kept.map((file, index) => {
      const item = document.createElement("li");
      const image = document.createElement("img");
      image.src = URL.createObjectURL(file);
      image.alt = file.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "btn btn-quiet btn-sm btn-block";
      remove.textContent = words.remove || "×";
      remove.setAttribute("aria-label", `${words.remove || "×"} ${file.name}`);
      remove.addEventListener("click", () => {
        kept.splice(index, 1);
        hand();
      });
      item.append(image, remove);
      return item;
    }));
  }

  function hand() {
    const carrier = new DataTransfer();
    for (const file of kept) carrier.items.add(file);
    input.files = carrier.files;
    show();
  }

  input.addEventListener("change", async () => {
    const chosen = [...input.files];
    const submit = input.form && input.form.querySelector("button:not([type=button])");
    if (submit) submit.disabled = true;
    const smaller = [];
    for (const file of chosen) {
      note.textContent = `${words.shrinking || ""} ${smaller.length + 1}/${chosen.length}`;
      smaller.push(await shrink(file));
    }
    kept = input.multiple ? [...kept, ...smaller] : smaller;
    hand();
    const megabytes = kept.reduce((sum, file) => sum + file.size, 0) / 1_048_576;
    note.textContent = `${kept.length} ${words.ready || ""} ${Math.max(megabytes, 0.1).toFixed(1)} MB`;
    if (submit) submit.disabled = false;
  });
}

/* Sending photographs shows how far it is. */
for (const form of document.querySelectorAll("form[enctype='multipart/form-data']")) {
  const input = form.querySelector("input[type=file][data-photos]");
  if (!input) continue;
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !input.files.length || form.dataset.sending) return;
    event.preventDefault();
    form.dataset.sending = "1";
    const pressed = event.submitter || form.querySelector("button:not([type=button])");
    const data = new FormData(form, event.submitter);
    if (pressed) pressed.disabled = true;
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    input.after(bar);
    const request = new XMLHttpRequest();
    request.open("POST", form.action || location.href);
    request.upload.addEventListener("progress", (step) => {
      if (step.lengthComputable) bar.value = Math.round((step.loaded / step.total) * 100);
    });
    request.addEventListener("load", () => {
      // A redirect has been followed: go where it led. Anything else is a page to show as it is.
      if (request.status < 400 && request.responseURL && request.responseURL !== location.href) {
        location.assign(request.responseURL);
        return;
      }
      document.open();
      document.write(request.responseText);
      document.close();
    });
    request.addEventListener("error", () => {
      bar.remove();
      delete form.dataset.sending;
      if (pressed) pressed.disabled = false;
      const template = document.getElementById(`${input.id}-words`);
      const alert = form.querySelector("[data-upload-error]") || document.createElement("p");
      alert.dataset.uploadError = "";
      alert.className = "field-error";
      alert.setAttribute("role", "alert");
      alert.textContent = template ? template.dataset.broken : "";
      input.after(alert);
    });
    request.send(data);
  });
}
