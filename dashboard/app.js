// Follows a link of our own pages within the running app: loading it anew takes half a second more.
// Streamlit reads the address when the history moves; a link works without this script too.
// Who follows a link goes on at the new page's heading, by keyboard and by screen reader; on a phone
// the menu lies over the page, so that it is closed.
if (!window.mpgateLinks) {
  window.mpgateLinks = true;
  const heading = () => document.querySelector(".mpg h1");
  const arrive = () => {
    const left = heading();
    const watch = new MutationObserver(() => {
      if (!heading() || heading() === left) return;
      watch.disconnect();
      heading().focus({ preventScroll: true });
    });
    watch.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => watch.disconnect(), 5000);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".mpg a[href], [data-testid='stPageLink-NavLink']");
    const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain || link.origin !== location.origin) return;
    if (!link.closest(".mpg")) {
      arrive(); // Streamlit follows the links of the menu
      if (innerWidth < 768) document.querySelector("[data-testid='stSidebarCollapseButton'] button")?.click();
    } else if (!event.defaultPrevented && !link.hash) {
      event.preventDefault();
      arrive();
      history.pushState({}, "", link.href);
      window.dispatchEvent(new PopStateEvent("popstate"));
      document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
    }
  });
}
