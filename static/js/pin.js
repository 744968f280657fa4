/* Drag the pin of a house or a village on the district's outline. Writes WGS-84 degrees into the two number
   fields, which work by hand as well. No tiles, nothing from outside. */

/* global L */
for (const holder of document.querySelectorAll("[data-pin]")) {
  const latitude = document.getElementById(holder.dataset.latitude);
  const longitude = document.getElementById(holder.dataset.longitude);
  if (!latitude || !longitude || !window.L) continue;
  holder.hidden = false;
  const map = L.map(holder, { attributionControl: false, zoomSnap: 0.25, maxZoom: 18 });
  const read = () => [Number(latitude.value), Number(longitude.value)];
  const known = () => latitude.value !== "" && longitude.value !== "" && read().every(Number.isFinite);
  const marker = L.marker([0, 0], {
    draggable: true,
    keyboard: true,
    title: holder.dataset.name,
    alt: holder.dataset.name,
    icon: L.divIcon({
      className: "pin-mark",
      html: `<svg class="icon" aria-hidden="true"><use href="${holder.dataset.sprite}#map-pin"></use></svg>`,
      iconSize: [44, 44],
      iconAnchor: [22, 41],
    }),
  });

  function write(point) {
    latitude.value = point.lat.toFixed(6);
    longitude.value = point.lng.toFixed(6);
    latitude.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function place() {
    if (!known()) return;
    marker.setLatLng(read());
    if (!map.hasLayer(marker)) marker.addTo(map);
  }

  marker.on("dragend", () => write(marker.getLatLng()));
  map.on("click", (event) => {
    marker.setLatLng(event.latlng).addTo(map);
    write(event.latlng);
  });
  for (const input of [latitude, longitude]) input.addEventListener("change", place);

  fetch(holder.dataset.outline, { headers: { Accept: "application/geo+json, application/json" } })
    .then((response) => response.json())
    .then((outline) => {
      const land = L.geoJSON(outline, { style: { color: "#2F929B", weight: 1.6, fillColor: "#FAFAF5", fillOpacity: 1 } }).addTo(map);
      if (known()) map.setView(read(), 12);
      else map.fitBounds(land.getBounds());
      place();
    })
    .catch(() => { holder.hidden = true; }); // the number fields stay
}
