import GatehouseMessages
import HTTPTypes

extension WebPage {
    /// Where people come with a browser.
    private static let paths: Set<String> = ["/", "/init", "/iforgot", "/reset"]

    /// Whether what is refused there is told to a person, in a page.
    static func isWanted(_ path: some StringProtocol, _ headers: HTTPFields) -> Bool {
        headers.prefersHTML && paths.contains(String(path))
    }

    /// What a person sees instead of the page that was asked for.
    static func refusal(_ problem: Problem, at path: some StringProtocol) -> Answer {
        let (heading, advice): (String, String?) =
            switch problem.status.code {
            case 403: ("This is not possible here", nil)
            case 429: ("Too many requests", wait(problem))
            case 500: ("Something went wrong", "Please try again, and tell the operator if it stays so.")
            case 503: ("The server is busy", "Nothing was changed. Please try again in a moment.")
            default: ("This request cannot be read", nil)
            }
        let page = WebPage(
            heading: heading, paragraphs: [problem.title] + (advice.map { [$0] } ?? []),
            links: [Link(text: "Try again", path: String(path))])
        var answer = page.answer(status: problem.status, code: problem.code)
        for field in problem.headers { answer.headers.append(field) }
        return answer
    }

    private static func wait(_ problem: Problem) -> String? {
        guard let seconds = problem.headers[.retryAfter].flatMap({ Int($0) }) else { return nil }
        let minutes = (seconds + 59) / 60
        return minutes == 1 ? "Please wait a minute." : "Please wait \(minutes) minutes."
    }
}

extension HTTPFields {
    /// Whether `Accept` names HTML first, as browsers do for what they are going to show.
    var prefersHTML: Bool {
        let first = self[.accept]?.prefix { $0 != "," && $0 != ";" }.trimmingSpaces().lowercased()
        return first == "text/html" || first == "application/xhtml+xml"
    }
}
