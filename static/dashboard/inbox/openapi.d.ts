/** Written by `make openapi` from docs/openapi.json. Do not edit. */

export interface components {
    schemas: {
        AttachmentJson: {
            _id: string;
            contentType: string;
            height: number | null;
            name: string;
            size: number;
            width: number | null;
        };
        BrandJson: {
            _id: string;
            createdAt: number;
            name: string;
            primaryColor: string;
            slug: string;
            widgetId: string;
        };
        ConversationJson: {
            _id: string;
            assignee: components["schemas"]["PersonJson"] | null;
            brandId: string;
            channel: string;
            createdAt: number;
            lastMessageAt: number;
            messageCount: number;
            preview: string;
            snoozedUntil: number | null;
            status: components["schemas"]["ConversationStatus"];
            updatedAt: number;
            visitor: components["schemas"]["VisitorJson"];
            waitingSince: number | null;
        };
        /** @enum {string} */
        ConversationStatus: "open" | "snoozed" | "resolved" | "closed";
        LeadJson: {
            _id: string;
            brandId: string | null;
            conversationId: string | null;
            createdAt: number;
            email: string | null;
            name: string;
            notes: string | null;
            phone: string | null;
            status: components["schemas"]["LeadStatus"];
            updatedAt: number;
        };
        /** @enum {string} */
        LeadStatus: "new" | "contacted" | "qualified" | "won" | "lost";
        MessageJson: {
            _id: string;
            attachments: components["schemas"]["AttachmentJson"][];
            author: components["schemas"]["PersonJson"] | null;
            body: string;
            channel: string;
            conversationId: string;
            createdAt: number;
            role: components["schemas"]["MessageRole"];
        };
        /** @enum {string} */
        MessageRole: "visitor" | "operator" | "atlas";
        PersonJson: {
            _id: string;
            name: string;
        };
        VisitorJson: {
            _id: string;
            email: string | null;
            name: string;
            phone: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
