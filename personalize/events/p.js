/* Views; in slots, clicks and answers: [data-pz-answer=VALUE] to [data-pz-question]. */
((d, l, slots) => {
	const to = d.currentScript.src.replace(/p\.js.*/, "v1/b");
	let was = l.pathname;
	if (/[?&]personalize_preview=/.test(l.search)) return;
	const send = (event, told) => {
		const properties = { ...told, path: l.pathname, title: d.title };
		const body = JSON.stringify({ batch: [{ type: "track", event, properties }] });
		navigator.sendBeacon?.(to, body) || fetch(to, { method: "POST", body, keepalive: true }).catch(() => {});
	};
	const view = () => send("Page Viewed");
	d.addEventListener("click", (e) => {
		const at = e.target.closest?.("[data-pz-answer],a,button");
		let slot = at?.closest("[data-slot]")?.dataset.slot;
		for (const name in slots) if (at?.closest(slots[name])) slot ||= name;
		if (!slot) return;
		let { pzAnswer: answer, pzQuestion: question } = at.dataset, on = "";
		for (e of performance.getEntries()) for (const t of e.serverTiming || []) if (t.name == "pz") on += t.description;
		if (answer) send("Answer Given", { slot, on, answer, question });
		else send("Experience Clicked", { slot, on, to: at.host && at.pathname });
	}, true);
	addEventListener("pageshow", (e) => e.persisted && view());
	(self.navigation || d).addEventListener("currententrychange", () => {
		if (was != (was = l.pathname)) setTimeout(send, 9, "Page Viewed", { navigated: true });
	});
	d.prerendering ? d.addEventListener("prerenderingchange", view, { once: true }) : view();
})(document, location, {/*slots*/});
