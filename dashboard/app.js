// Follows a link of our own pages within the running app: loading it anew takes half a second more.
// Streamlit reads the address when the history moves; a link works without this script too.
if (!window.mpgateLinks) {
  window.mpgateLinks = true;
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".mpg a[href]");
    const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.origin !== location.origin || link.hash) return;
    event.preventDefault();
    history.pushState({}, "", link.href);
    window.dispatchEvent(new PopStateEvent("popstate"));
    document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  });
}
