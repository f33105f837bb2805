/* Views, clicks, answers. [data-pz-answer=VALUE] inside a slot answers [data-pz-question]. */
((d, slots) => {
  const to = d.currentScript.src.replace(/p\.js.*/, "v1/b");
  let was = location.pathname;
  if (/[?&]personalize_preview=/.test(location.search)) return;
  const send = (event, told) => {
    told.path = location.pathname;
    told.title = d.title;
    const body = JSON.stringify({ batch: [{ type: "track", event, properties: told }] });
    navigator.sendBeacon?.(to, body) || fetch(to, { method: "POST", body, keepalive: true }).catch(() => {});
  };
  const view = () => send("Page Viewed", {});
  const slotOf = (at) => {
    const own = at.closest("[data-slot]");
    if (own) return own.dataset.slot;
    for (const name in slots) if (at.closest(slots[name])) return name;
  };
  d.addEventListener("click", (e) => {
    const at = e.target.closest?.("[data-pz-answer],a,button"), slot = at && slotOf(at);
    if (!slot) return;
    const answer = at.dataset.pzAnswer;
    if (answer) send("Answer Given", { slot, answer, question: at.dataset.pzQuestion || "" });
    else send("Experience Clicked", { slot, to: at.host ? at.pathname : "" });
  }, true);
  addEventListener("pageshow", (e) => e.persisted && view());
  (self.navigation || d).addEventListener("currententrychange", () => {
    if (was != (was = location.pathname)) setTimeout(send, 9, "Page Viewed", { navigated: true });
  });
  d.prerendering ? d.addEventListener("prerenderingchange", view, { once: true }) : view();
})(document, {/*slots*/});
