//! The words of the page, in each language: one line for each text.
//!
//! Titles of findings, remedies and caveats in Japanese are in `audit`, by the ids of their rules.
//! What is made of a run's names and numbers (details of findings, lists) is English in every
//! language, and marked so.

/// The language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// Every language, with its code.
    pub const ALL: [(&'static str, Self); 2] = [("en", Self::English), ("ja", Self::Japanese)];

    /// Its code, as `lang` of HTML wants it.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(_, language)| *language == self).map_or("en", |(code, _)| code)
    }

    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &EN,
            Self::Japanese => &JA,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $en:literal, $ja:literal;)*) => {
        /// The words of the page in one language.
        #[derive(Debug)]
        pub(super) struct Texts { $(pub(super) $name: &'static str,)* }
        const EN: Texts = Texts { $($name: $en,)* };
        const JA: Texts = Texts { $($name: $ja,)* };
    };
}

texts! {
    page_title: "KMS key usage report", "KMS キー使用状況レポート";
    contents: "Contents", "目次";
    skip: "Skip to the contents", "本文へ移動";
    theme: "Dark or light", "表示モード切替";
    local_times: "Show local times", "現地時刻を表示";
    search: "Filter the rows", "行を絞り込む";
    copy: "Copy", "コピー";
    save: "Save as CSV", "CSV で保存";
    copied: "Copied", "コピーしました";
    rows_shown: "rows shown", "行を表示中";
    of: "of", "/";
    sort: "Sort by this column", "この列で並べ替え";
    query: "SQL of these numbers", "この数値の SQL";
    no_room_for_picture: "there is no room for this picture in the page. The tables have its numbers.", "このページにはこの図を表示する余地がありません。数値は表に記載しています。";
    cut: "There is no room for more rows in this page. All rows:", "このページにはこれ以上の行を表示できません。全行を得る SQL:";
    top: "Back to the contents", "目次へ戻る";
    utc: "All times are in UTC. Numbers count events of the report, unless a table says records.", "時刻はすべて UTC です。「レコード数」と書かれた表以外の数値は、レポートのイベント数です。";

    glance: "At a glance", "概要";
    inputs: "Inputs", "入力";
    window: "KMS records from – to", "KMS レコードの期間";
    no_records: "The inputs have no KMS records", "入力に KMS レコードはありません";
    made: "Made", "作成日時";
    filters: "Filters that left records out", "適用された絞り込み";
    calls_succeeded: "calls succeeded", "成功した呼び出し";
    calls_refused: "calls refused", "拒否された呼び出し";
    calls_failed: "calls failed otherwise", "その他の失敗";
    keys_used: "keys named in calls", "呼び出しに現れたキー";
    principals: "principals", "プリンシパル";
    nothing_selected: "No event was selected. Look at what was asked and left out, below, before you conclude that nobody used a key.", "選択されたイベントはありません。キーが使われていないと結論する前に、下の「対象範囲」を確認してください。";
    open_findings: "Open findings", "未対応の検出事項";
    integrity: "Integrity of the logs", "ログの完全性";
    no_digests: "Integrity of the logs: not checked, since the inputs have no digest files of CloudTrail.", "ログの完全性: 入力に CloudTrail のダイジェストファイルがないため、確認していません。";
    verified_events: "Events in verified log files", "検証済みログのイベント数";

    read: "What was asked, read and left out", "対象範囲: 条件・読み取り・除外";
    asked: "Options of the run", "実行時のオプション";
    not_given: "not given", "指定なし";
    all_records: "records", "件のレコード";
    below_list: "(below)", "(下記)";
    accounting: "Every record is accounted for", "全レコードの内訳";
    classes: "Classes of records", "レコードの分類";
    class: "Class", "分類";
    records: "Records", "レコード数";
    meaning: "Meaning", "意味";
    coverage: "Coverage: accounts, Regions, days", "網羅性: アカウント・リージョン・日";
    calendar: "Days with archives, by account and Region", "アカウント・リージョン別のログがある日";
    calendar_description: "One row for each account and Region. Gaps between the first and the last delivery are marked. The tables below have the same facts.", "アカウントとリージョンごとに1行。最初と最後の配信の間の欠落日を示します。下の表に同じ内容があります。";
    calendar_read: "archives were read", "読み取り済み";
    calendar_missing: "days without an archive", "ログのない日";
    calendar_outside: "outside of the first and last delivery, or not known", "配信期間外または不明";
    scopes: "Accounts and Regions that were read", "読み取ったアカウントとリージョン";
    account: "Account", "アカウント";
    region: "Region", "リージョン";
    archives: "Archives", "アーカイブ数";
    kms_records: "KMS records", "KMS レコード数";
    first_day: "First delivery", "最初の配信日";
    last_day: "Last delivery", "最後の配信日";
    missing_days: "Days without an archive between the first and the last delivery. CloudTrail writes none when nothing happens: these may be quiet days, or a loss.", "最初と最後の配信の間でアーカイブがない日。何も起きなかった日か、欠落かは区別できません。";
    trails: "Trails that were stopped, or set to leave out KMS calls. While this lasted, calls may be missing.", "停止された、または KMS を記録しない設定にされた証跡。その間の呼び出しは欠けている可能性があります。";
    no_end: "no end in the input", "入力内に終了なし";
    inputs_by_status: "Inputs by status", "状態別の入力";
    status: "Status", "状態";
    reason: "Reason", "理由";
    bytes: "Stored bytes", "保存バイト数";
    rejects: "What could not be read", "読み取れなかったもの";
    archive: "Archive", "アーカイブ";
    offset: "Offset (bytes)", "位置 (バイト)";
    detail: "Detail", "詳細";
    integrity_table: "Digest and log files by what digests say", "ダイジェストによる検証結果";
    kind: "Kind", "種類";
    files: "Files", "ファイル";

    findings: "Findings", "検出事項";
    no_findings: "There are no findings.", "検出事項はありません。";
    findings_intro: "What an auditor should look at: open findings, then those that what was read cannot decide, then muted ones; in each group the most severe first. Each finding names records that show it, as archive@offset: the byte at which the record begins in the decompressed archive.", "監査で確認すべき事項。未対応、判定不能、ミュートの順で、それぞれ重大度順に示します。根拠のレコードは「アーカイブ@位置」(展開後のバイト位置) で示します。";
    undecidable: "undecidable", "判定不能";
    findings_left_out: "Findings that the report leaves out, since it has at most 1,000 of one rule", "1規則あたり1,000件までのため、レポートに含まれない検出事項";
    findings_more: "more", "件";
    severity_head: "Severity", "重大度";
    finding: "Finding", "内容";
    about: "About", "対象";
    remedy: "What to do", "対処";
    critical: "critical", "緊急";
    high: "high", "高";
    medium: "medium", "中";
    low: "low", "低";
    info: "info", "情報";
    open: "open", "未対応";
    muted: "muted", "ミュート";

    uses: "Who used which key, for what", "誰がどのキーを何に使ったか";
    calls_over_time: "Events over time, by workload", "ワークロード別イベント数の推移";
    bars_description: "One bar for each day, month or year, in pieces by workload. The tables have the same numbers.", "日・月・年ごとの棒をワークロード別に積み上げています。";
    flow: "From workloads through principals to keys", "ワークロード → プリンシパル → キー";
    flow_description: "Bands from workloads on the left through principals to keys on the right. Their width is the number of events. The table below has the same numbers.", "左のワークロードから右のキーへの帯。幅はイベント数です。下の表に同じ数値があります。";
    flow_others: "others", "その他";
    usage_table: "Use by key, principal, workload and result", "キー・プリンシパル・ワークロード・結果別の使用";
    key: "Key", "キー";
    key_not_named: "(no key named)", "(キーの記載なし)";
    principal: "Principal", "プリンシパル";
    workload: "Workload", "ワークロード";
    call: "Call", "呼び出し";
    result: "Result", "結果";
    events: "Events", "イベント数";
    events_selected: "Events of the selected workloads", "対象ワークロードのイベント数";
    first_last: "First – last", "最初 – 最後";

    keys: "Keys", "キー";
    key_parts: "Keys with a part of their own, those with the worst findings and the most events:", "個別ページのあるキー (検出事項・使用数順):";
    succeeded: "Succeeded", "成功";
    refused: "Refused", "拒否";
    failed: "Failed", "失敗";
    open_grants: "Open grants", "有効なグラント";
    last: "Last", "最後";
    last_used: "Last used", "最終使用";
    not_known: "not known", "不明";
    callers: "Principals and calls of the selected workloads", "対象ワークロードのプリンシパルと呼び出し";
    sessions: "Sessions (most in a group)", "セッション数 (グループ内最大)";
    users: "Users (most in a group)", "ユーザー数 (グループ内最大)";
    grants: "Grants", "グラント";
    grants_note: "No record says that a grant allowed a call. Consistent uses are calls that the grant would have allowed; a policy may have allowed them, too.", "グラントによって許可されたことを示すレコードはありません。「整合する使用」はグラントで許可され得た呼び出しです。";
    grantee: "Grantee", "被付与者";
    operations: "Operations", "操作";
    state: "State", "状態";
    created_ended: "Created, ended, by", "作成・終了・作成者";
    consistent_uses: "Consistent uses", "整合する使用";
    not_seen: "Operations not seen", "未使用の操作";
    life_uses: "consistent uses: ", "整合する使用: ";
    lifelines: "Lives of grants", "グラントの期間";
    lifelines_description: "A line for each grant from its creation to its end, with marks at the first and last use that is consistent with it. The table below has the same facts.", "グラントごとの作成から終了までの線と、最初と最後の整合する使用の印。下の表に同じ内容があります。";
    life_open: "open, used", "有効・使用あり";
    life_unused: "open, no consistent use", "有効・使用なし";
    life_ended: "ended", "終了";
    life_use: "first and last consistent use", "最初と最後の整合する使用";
    policy: "Key policy: what its statements allowed, and what was used", "キーポリシー: 許可と実際の使用";
    statement: "Statement", "ステートメント";
    permission: "Permission", "権限";
    access: "All calls with this key, whatever was selected (records)", "このキーの全呼び出し (選択条件によらない、レコード数)";

    below: "Who is below the principals, as their records name them", "プリンシパルの背後にいる利用者 (レコードの記載による)";
    below_note: "At most 20 names of a principal, those with the most events. A session is named where no user is; whoever opens a session chooses its name.", "プリンシパルごとにイベント数の多い順に最大20件です。ユーザーの記載がない場合だけセッション名を示します。セッション名は、セッションを開始した側が任意に指定できます。";
    below_too_many: "The events name more users and sessions than this page can show. All of them:", "ユーザーとセッションが多すぎるため、このページには表示できません。すべてを得る SQL:";
    user: "User", "ユーザー";
    session: "Session, where no user is named", "セッション (ユーザーの記載がない場合)";
    names_of_principal: "Names of the principal", "このプリンシパルの利用者数";
    no_events: "The report has no events: it is not known here who is below the principals, and which aliases the keys have.", "レポートにイベントがないため、プリンシパルの背後にいる利用者とキーのエイリアスは不明です。";

    review: "Access review: who used the key, who may, and what is decided", "アクセスレビュー: 使用者・権限保持者・判断";
    used_last: "Used (records), last", "使用 (レコード数)・最終";
    allowed_unused: "Allowed by the key policy, not used", "キーポリシーで許可・未使用";
    decision: "Keep, change, remove", "維持・変更・削除";
    reviewer: "Reviewer, date", "確認者・日付";

    refusals: "Refusals and failures, by cause", "拒否・失敗の原因別一覧";
    no_refusals: "No selected call failed.", "失敗した呼び出しはありません。";
    cause: "Cause", "原因";
    remedy_identity: "If the caller should have access: allow the permission in an identity-based policy of the caller. If a policy denies it, change that statement.", "必要なアクセスであれば、呼び出し元の ID ベースのポリシーで許可します。明示的な拒否があれば、そのステートメントを見直します。";
    remedy_resource: "If the caller should have access: allow it in the key policy, or give a grant. If a statement denies it, change that statement.", "必要なアクセスであれば、キーポリシーで許可するかグラントを付与します。明示的な拒否があれば、それを見直します。";
    remedy_session: "The policy that was passed with the session does not allow the call. Pass another one, or none.", "セッションポリシーが許可していません。渡すポリシーを見直します。";
    remedy_boundary: "The permissions boundary of the role or user does not allow the call. Who manages the boundary has to change it.", "アクセス許可の境界が許可していません。境界の管理者に変更を依頼します。";
    remedy_endpoint: "The policy of the VPC endpoint does not allow the call. Change it, or call through another way.", "VPC エンドポイントポリシーが許可していません。ポリシーを変更します。";
    remedy_scp: "A service control policy of the organization does not allow the call. Only the organization's administrators can change it.", "組織のサービスコントロールポリシーが許可していません。組織の管理者のみ変更できます。";
    remedy_rcp: "A resource control policy of the organization does not allow the call. Only the organization's administrators can change it.", "組織のリソースコントロールポリシーが許可していません。組織の管理者のみ変更できます。";
    remedy_missing: "Check the Region and the account of the key first. If the key exists, its policy does not allow the caller, or denies it: KMS does not say which.", "まずキーのリージョンとアカウントを確認します。キーが存在する場合、キーポリシーが許可していないか拒否しています (KMS は区別しません)。";
    remedy_unknown_policy: "The record does not say which policy refused. Compare the key policy, the caller's policies and grants.", "どのポリシーが拒否したかは記録されていません。キーポリシー、呼び出し元のポリシー、グラントを比較します。";
    remedy_key_state: "The key is disabled, pending deletion or not available. Find out who changed it and why before you enable it again.", "キーが無効、削除待ち、または利用不可です。再度有効にする前に、変更者と理由を確認します。";
    remedy_not_found: "The key or alias does not exist there. Check Region, account, and whether it was deleted.", "キーまたはエイリアスが存在しません。リージョン、アカウント、削除の有無を確認します。";
    remedy_misuse: "The request was wrong: another key, another encryption context, or a ciphertext that does not belong to the key.", "リクエストが不正です (別のキー、別の暗号化コンテキスト、対応しない暗号文など)。";
    remedy_throttled: "A quota was exceeded. Ask for a higher one, or call less: data key caching and S3 Bucket Keys help.", "クォータを超過しました。引き上げを申請するか、データキーのキャッシュや S3 バケットキーで呼び出しを減らします。";
    remedy_internal: "KMS failed. Clients try again by themselves.", "KMS 側の障害です。クライアントは自動的に再試行します。";
    remedy_unknown: "This version of keytrail does not know the error code. Look it up in the KMS API reference.", "このバージョンでは未知のエラーコードです。KMS API リファレンスを参照してください。";

    sharing: "Sharing with other accounts", "他アカウントとの共有";
    sharing_intro: "What is shared, with whom, and whether they use it. Asked for is not done: a share is effective only when a call of the consumer succeeded.", "何を誰と共有し、使われているか。共有の要求は完了を意味しません。利用者の呼び出しが成功して初めて有効とみなします。";
    map: "Who shares with whom", "共有元と共有先";
    map_description: "A line from each owner on the left to each consumer on the right. Where some shares of a pair have ended and others have not, there are two lines. The tables below have the same facts.", "左の所有者から右の利用者への線。同じ組に終了した共有と継続中の共有がある場合は、2本の線で示します。下の表に同じ内容があります。";
    map_owner: "Owner", "所有者";
    map_consumer: "Consumer", "利用者";
    map_live: "not ended", "継続中";
    map_used: "used", "使用あり";
    map_unused: "no use seen", "使用なし";
    map_ended: "ended", "終了";
    shares: "Shares", "共有";
    share_use: "Calls on resources of other accounts", "他アカウントのリソースへの呼び出し";
    resource: "Resource", "リソース";
    owner: "Owner", "所有者";
    consumer: "Consumer", "利用者";
    asked_ended: "Asked for, accepted, ended", "要求・承諾・終了";
    late_uses: "Uses after its end", "終了後の使用";
    visible_shares: "Shares seen for it", "該当する共有";
    map_cut: "not all accounts are drawn", "一部のアカウントのみ表示";
    uses_head: "Uses", "使用";

    limits: "What these numbers cannot prove", "この数値では証明できないこと";
    limits_intro: "Read this before you rely on the numbers. The first notes are of this run, the last ones hold for any.", "数値を利用する前に必ずお読みください。";

    sign: "Sign-off", "署名";
    sign_intro: "The page was made from these files of the report. Who signs can check their hashes with sha256sum. The files below events/ have theirs in the evidence pack of `keytrail evidence`.", "このページは以下のファイルから作成されました。sha256sum でハッシュ値を確認できます。events/ 以下のハッシュ値は `keytrail evidence` の証拠パックにあります。";
    sign_conclusion: "Conclusion", "結論";
    sign_exceptions: "Exceptions and open points", "例外・未解決事項";
    sign_prepared: "Prepared by (name, date, signature)", "作成者 (氏名・日付・署名)";
    sign_reviewed: "Reviewed by (name, date, signature)", "確認者 (氏名・日付・署名)";
    sign_approved: "Approved by (name, date, signature)", "承認者 (氏名・日付・署名)";

    class_selected: "counted in the tables of use", "使用の表に集計";
    class_duplicate: "delivered again, or replaced by a correction", "重複配信、または訂正により置換";
    class_other_copy: "the copy of another account of a call that counts", "集計済みの呼び出しの他アカウント側の写し";
    class_other_source: "records of other services than KMS", "KMS 以外のサービスのレコード";
    class_other_event: "KMS calls that were not asked for (--event)", "対象外の KMS API (--event)";
    class_other_workload: "KMS calls of other workloads (--workload)", "対象外のワークロード (--workload)";
    class_filtered: "left out by other filters", "その他の絞り込みで除外";
    class_not_usage: "no use of a key: dry runs, and events of the service itself", "キーの使用ではないもの (ドライランなど)";
    class_rejected: "could not be read", "読み取り不能";
}

impl Texts {
    /// The word for a severity.
    pub(super) fn severity(&self, name: &str) -> &'static str {
        match name {
            "critical" => self.critical,
            "high" => self.high,
            "medium" => self.medium,
            "low" => self.low,
            _ => self.info,
        }
    }

    /// The word for the status of a finding.
    pub(super) fn status(&self, name: &str) -> &'static str {
        match name {
            "open" => self.open,
            "muted" => self.muted,
            _ => self.undecidable,
        }
    }

    /// What a class of records is.
    pub(super) fn class_meaning(&self, name: &str) -> &'static str {
        match name {
            "selected" => self.class_selected,
            "duplicate" => self.class_duplicate,
            "other_copy" => self.class_other_copy,
            "other_source" => self.class_other_source,
            "other_event" => self.class_other_event,
            "other_workload" => self.class_other_workload,
            "filtered" => self.class_filtered,
            "not_usage" => self.class_not_usage,
            _ => self.class_rejected,
        }
    }
}
