"""The page's words in English, Turkish and Persian. Every language has every key; a test compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "tr": "Türkçe", "fa": "فارسی"}
RIGHT_TO_LEFT: Final = frozenset({"fa"})

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Your data on this site",
        "intro": "This page shows what this site has remembered about you to choose what you see. You decide about it.",
        "languages": "Language",
        "control": "Personalization",
        "on": "Personalization is on in this browser.",
        "off": "Personalization is off in this browser. You see the same pages as everybody.",
        "refused": "You have not agreed to personalization, so you see the same pages as everybody and nothing is "
        "remembered.",
        "gpc": "Your browser sends Global Privacy Control; the site takes it as a no.",
        "turn_off": "Turn personalization off",
        "turn_on": "Turn personalization on again",
        "off_keeps": "Turning it off keeps what is known below, but this browser then forgets that it is yours; "
        "erase it first if you want it gone too.",
        "nothing": "Nothing is known about you.",
        "known": "What is known",
        "first_seen": "First visit",
        "last_seen": "Last visit",
        "visits": "Visits",
        "views": "Last viewed",
        "cart": "In your basket",
        "orders": "Orders",
        "segments": "Groups you are in",
        "observed": "From your visits here, and from what this site's shops and systems recorded.",
        "yes": "yes",
        "no": "no",
        "gone": "removed by you; nobody can say it again",
        "allow": "Allow it again",
        "traits": "Details about you",
        "origin": "Where it is from",
        "first": "this site",
        "second": "a partner",
        "third": "another company",
        "visitor": "you told us",
        "save": "Save",
        "remove": "Remove",
        "interests": "What interests you?",
        "interests_about": "What you tick here counts from your next page on.",
        "shown": "Why you saw what you saw",
        "slot": "Place",
        "held": "You are in a group that sees the site without changes, so that their effect can be measured.",
        "rule": "A rule of the editors matched: {experience}.",
        "nothing_shown": "Nothing has been chosen for you yet.",
        "take": "Take it with you",
        "download": "Download everything as a file (JSON)",
        "erase": "Erase everything",
        "erase_about": "This removes what is known about you here. It cannot be undone.",
        "erase_sure": "Yes, erase everything that is known about me",
        "done_saved": "Saved.",
        "done_removed": "Removed.",
        "done_erased": "Everything about you has been erased.",
        "done_off": "Personalization is off.",
        "done_on": "Personalization is on, if you have agreed to it.",
        "refused_form": "This form has expired or did not come from this page. Nothing was changed; please try again.",
        "unsure": "Tick the box to confirm, then erase.",
        "undone": "This cannot be done at the moment: nothing was changed. Please try again later.",
        "unreadable": "What is known cannot be read at the moment. Please try again later.",
        "not_proven": "Nothing can be shown: this browser does not prove who you are.",
        "back": "Back to the page",
    },
    "tr": {
        "title": "Bu sitedeki verileriniz",
        "intro": "Bu sayfa, size ne gösterileceğini seçmek için bu sitenin hakkınızda hatırladıklarını gösterir. "
        "Karar sizindir.",
        "languages": "Dil",
        "control": "Kişiselleştirme",
        "on": "Kişiselleştirme bu tarayıcıda açık.",
        "off": "Kişiselleştirme bu tarayıcıda kapalı. Herkesle aynı sayfaları görüyorsunuz.",
        "refused": "Kişiselleştirmeye izin vermediniz; herkesle aynı sayfaları görüyorsunuz ve hiçbir şey "
        "hatırlanmıyor.",
        "gpc": "Tarayıcınız Global Privacy Control gönderiyor; site bunu hayır olarak kabul eder.",
        "turn_off": "Kişiselleştirmeyi kapat",
        "turn_on": "Kişiselleştirmeyi yeniden aç",
        "off_keeps": "Kapatmak aşağıda bilinenleri silmez, ama bu tarayıcı artık onların size ait olduğunu hatırlamaz; "
        "onların da gitmesini istiyorsanız önce silin.",
        "nothing": "Hakkınızda hiçbir şey bilinmiyor.",
        "known": "Bilinenler",
        "first_seen": "İlk ziyaret",
        "last_seen": "Son ziyaret",
        "visits": "Ziyaret sayısı",
        "views": "Son bakılanlar",
        "cart": "Sepetiniz",
        "orders": "Siparişler",
        "segments": "İçinde bulunduğunuz gruplar",
        "observed": "Buraya ziyaretlerinizden ve bu sitenin mağazalarıyla sistemlerinin kaydettiklerinden.",
        "yes": "evet",
        "no": "hayır",
        "gone": "siz kaldırdınız; kimse yeniden söyleyemez",
        "allow": "Yeniden izin ver",
        "traits": "Hakkınızdaki ayrıntılar",
        "origin": "Kaynağı",
        "first": "bu site",
        "second": "bir iş ortağı",
        "third": "başka bir şirket",
        "visitor": "siz söylediniz",
        "save": "Kaydet",
        "remove": "Kaldır",
        "interests": "Nelerle ilgileniyorsunuz?",
        "interests_about": "Burada işaretledikleriniz bir sonraki sayfanızdan itibaren geçerlidir.",
        "shown": "Gördüklerinizi neden gördünüz",
        "slot": "Yer",
        "held": "Etkinin ölçülebilmesi için siteyi değişiklik olmadan gören bir gruptasınız.",
        "rule": "Editörlerin bir kuralı uydu: {experience}.",
        "nothing_shown": "Sizin için henüz bir şey seçilmedi.",
        "take": "Yanınıza alın",
        "download": "Her şeyi dosya olarak indirin (JSON)",
        "erase": "Her şeyi sil",
        "erase_about": "Burada hakkınızda bilinenleri siler. Geri alınamaz.",
        "erase_sure": "Evet, hakkımda bilinen her şeyi silin",
        "done_saved": "Kaydedildi.",
        "done_removed": "Kaldırıldı.",
        "done_erased": "Hakkınızdaki her şey silindi.",
        "done_off": "Kişiselleştirme kapalı.",
        "done_on": "İzin verdiyseniz kişiselleştirme açık.",
        "refused_form": "Bu formun süresi doldu ya da form bu sayfadan gelmedi. Hiçbir şey değişmedi; lütfen yeniden "
        "deneyin.",
        "unsure": "Onaylamak için kutuyu işaretleyin, sonra silin.",
        "undone": "Bu şu anda yapılamıyor: hiçbir şey değişmedi. Lütfen daha sonra yeniden deneyin.",
        "unreadable": "Bilinenler şu anda okunamıyor. Lütfen daha sonra yeniden deneyin.",
        "not_proven": "Hiçbir şey gösterilemez: bu tarayıcı kim olduğunuzu kanıtlamıyor.",
        "back": "Sayfaya dön",
    },
    "fa": {
        "title": "داده‌های شما در این سایت",
        "intro": "این صفحه نشان می‌دهد که این سایت برای انتخاب آنچه می‌بینید چه چیزهایی از شما به یاد سپرده است. "
        "تصمیم با شماست.",
        "languages": "زبان",
        "control": "شخصی‌سازی",
        "on": "شخصی‌سازی در این مرورگر روشن است.",
        "off": "شخصی‌سازی در این مرورگر خاموش است. شما همان صفحه‌هایی را می‌بینید که همه می‌بینند.",
        "refused": "شما با شخصی‌سازی موافقت نکرده‌اید؛ پس همان صفحه‌هایی را می‌بینید که همه می‌بینند و چیزی به یاد "
        "سپرده نمی‌شود.",
        "gpc": "مرورگر شما Global Privacy Control می‌فرستد؛ سایت آن را «نه» به شمار می‌آورد.",
        "turn_off": "شخصی‌سازی را خاموش کن",
        "turn_on": "شخصی‌سازی را دوباره روشن کن",
        "off_keeps": "خاموش کردن، دانسته‌های زیر را پاک نمی‌کند، اما این مرورگر دیگر به یاد ندارد که از آنِ شماست؛ اگر "
        "می‌خواهید آن‌ها هم بروند، نخست پاکشان کنید.",
        "nothing": "چیزی دربارهٔ شما دانسته نیست.",
        "known": "دانسته‌ها",
        "first_seen": "نخستین بازدید",
        "last_seen": "آخرین بازدید",
        "visits": "شمار بازدیدها",
        "views": "آخرین دیده‌شده‌ها",
        "cart": "در سبد شما",
        "orders": "سفارش‌ها",
        "segments": "گروه‌هایی که در آن‌ها هستید",
        "observed": "از بازدیدهای شما از اینجا و از آنچه فروشگاه‌ها و سامانه‌های این سایت ثبت کرده‌اند.",
        "yes": "بله",
        "no": "خیر",
        "gone": "شما حذفش کرده‌اید؛ هیچ‌کس نمی‌تواند دوباره بگوید",
        "allow": "دوباره اجازه بده",
        "traits": "جزئیات دربارهٔ شما",
        "origin": "از کجاست",
        "first": "همین سایت",
        "second": "یک شریک",
        "third": "شرکتی دیگر",
        "visitor": "خودتان گفته‌اید",
        "save": "ذخیره",
        "remove": "حذف",
        "interests": "به چه چیزهایی علاقه دارید؟",
        "interests_about": "آنچه اینجا علامت می‌زنید از صفحهٔ بعدی شما به حساب می‌آید.",
        "shown": "چرا آنچه دیدید را دیدید",
        "slot": "جا",
        "held": "شما در گروهی هستید که سایت را بدون تغییر می‌بیند تا اثر تغییرها سنجیده شود.",
        "rule": "یکی از قاعده‌های ویراستاران صدق کرد: {experience}.",
        "nothing_shown": "هنوز چیزی برای شما انتخاب نشده است.",
        "take": "با خود ببرید",
        "download": "دریافت همه چیز در یک پرونده (JSON)",
        "erase": "پاک کردن همه چیز",
        "erase_about": "آنچه اینجا دربارهٔ شما دانسته است پاک می‌شود. بازگشتی ندارد.",
        "erase_sure": "بله، هر چه دربارهٔ من دانسته است پاک شود",
        "done_saved": "ذخیره شد.",
        "done_removed": "حذف شد.",
        "done_erased": "همه چیز دربارهٔ شما پاک شد.",
        "done_off": "شخصی‌سازی خاموش است.",
        "done_on": "اگر موافقت کرده باشید، شخصی‌سازی روشن است.",
        "refused_form": "زمان این فرم گذشته یا از این صفحه نیامده است. چیزی تغییر نکرد؛ لطفاً دوباره تلاش کنید.",
        "unsure": "برای تأیید، خانه را علامت بزنید و سپس پاک کنید.",
        "undone": "اکنون این کار شدنی نیست: چیزی تغییر نکرد. لطفاً بعداً دوباره تلاش کنید.",
        "unreadable": "اکنون نمی‌توان دانسته‌ها را خواند. لطفاً بعداً دوباره تلاش کنید.",
        "not_proven": "چیزی برای نشان دادن نیست: این مرورگر هویت شما را ثابت نمی‌کند.",
        "back": "بازگشت به صفحه",
    },
}


def language_for(asked: str, accepted: str) -> str:
    """The page's language: `asked` (of ?lang=) if there is one such, else the best of an Accept-Language header
    (RFC 9110 12.5.4), else English."""
    if asked in LANGUAGES:
        return asked
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        tag, _, weight = part.strip().partition(";")
        name = tag.strip().partition("-")[0].lower()
        share = _weight(weight)
        if name in LANGUAGES and share > 0:
            wanted.append((-share, place, name))
    return min(wanted)[2] if wanted else "en"


def _weight(text: str) -> float:
    name, _, number = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(number)))
    except ValueError:
        return 0.0
