// What the page does better with scripts: a slider between two photos, and a word while the service works.
"use strict";
document.documentElement.classList.add("scripted");

for (const box of document.querySelectorAll(".compare")) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "0";
  slider.max = "100";
  slider.value = "50";
  slider.setAttribute("aria-label", box.dataset.label);
  const move = () => box.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", move);
  box.after(slider);
  move();
}

for (const form of document.querySelectorAll("form.work")) {
  form.addEventListener("submit", () => {
    form.querySelector(".busy").textContent = form.dataset.busy;
    form.querySelector("button").setAttribute("aria-disabled", "true");
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.work")) {
    form.querySelector(".busy").textContent = "";
    form.querySelector("button").removeAttribute("aria-disabled");
  }
});

for (const drop of document.querySelectorAll(".drop")) {
  const input = drop.querySelector("input");
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, event => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", event => {
    event.preventDefault();
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

const results = document.getElementById("results");
if (results) results.focus();
