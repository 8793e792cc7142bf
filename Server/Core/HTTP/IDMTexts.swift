import GatehouseMessages

/// What the C3-PRO IDM says in words, which front ends made for it show and match.
enum IDMTexts {
    private static let texts: [(problem: Problem, text: String)] = [
        (.authenticationRequired, "Authorization Required"),
        (.invalidToken, "Invalid token"),
        (.expiredToken, "Invalid token"),
        (.invalidCredentials, "Bad Request"),
        (.insufficientRole, "Forbidden"),
        (.insufficientKeyScope, "Forbidden"),
        (.notFound, "Not Found"),
        (.unknownAccount, "no user with the given username"),
        (.nameTaken, "this username has already been taken"),
        (.methodNotAllowed, "Method Not Allowed"),
    ]

    /// The original's sentence; the problem's own when it says something about this one case, or there is none.
    static func text(of problem: Problem) -> String {
        texts.first { $0.problem.code == problem.code && $0.problem.title == problem.title }?.text ?? problem.title
    }
}
