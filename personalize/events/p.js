/* Views, clicks in slots, answers. [data-pz-answer=VALUE] inside a slot answers [data-pz-question]. */
(function (d, slots) {
  var me = d.currentScript, to = me.src.replace(/p\.js.*/, "v1/b");
  if (/[?&]personalize_preview=/.test(location.search)) return;
  function send(event, properties) {
    properties.path = location.pathname;
    properties.title = d.title;
    var body = JSON.stringify({ batch: [{ type: "track", event: event, properties: properties }] });
    if (!navigator.sendBeacon || !navigator.sendBeacon(to, body))
      fetch(to, { method: "POST", body: body, keepalive: true }).catch(function () {});
  }
  function view() { send("Page Viewed", {}); }
  function slotOf(at) {
    var own = at.closest("[data-slot]"), name;
    if (own) return own.getAttribute("data-slot");
    for (name in slots) if (at.closest(slots[name])) return name;
  }
  d.addEventListener("click", function (e) {
    var at = e.target.closest && e.target.closest("[data-pz-answer],a,button"), slot = at && slotOf(at), answer;
    if (!slot) return;
    answer = at.getAttribute("data-pz-answer");
    if (answer) send("Answer Given", { slot: slot, answer: answer, question: at.getAttribute("data-pz-question") || "" });
    else send("Experience Clicked", { slot: slot, to: at.pathname || "" });
  }, true);
  addEventListener("pageshow", function (e) { if (e.persisted) view(); });
  d.prerendering ? d.addEventListener("prerenderingchange", view, { once: true }) : view();
})(document, {/*slots*/});
