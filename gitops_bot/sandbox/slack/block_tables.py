"""Block Kit as tables: which blocks and elements there are, their fields and their limits.

Limits as published at https://docs.slack.dev/reference/block-kit. Blocks that the bot has no
use for (video, call, file, the assistant's cards) are refused as unsupported: too strict here
is better than too lax.
"""

from gitops_bot.sandbox.slack.block_checks import (
    Fields,
    anything,
    array,
    boolean,
    integer,
    one_of,
    optional,
    required,
    string,
    structure,
    text,
    text_fields,
    typed,
    url,
)

MARKDOWN_CHARACTERS = 12_000
TABLE_CHARACTERS = 10_000

_identifier = string(255)
_confirm = structure(
    {
        "title": required(text(100, "plain_text")),
        "text": required(text(300)),
        "confirm": required(text(30, "plain_text")),
        "deny": required(text(30, "plain_text")),
        "style": optional(one_of("primary", "danger")),
    }
)
_option = structure(
    {
        "text": required(text(75)),
        "value": required(string(150)),
        "description": optional(text(75)),
        "url": optional(url()),
    }
)
_option_group = structure({"label": required(text(75, "plain_text")), "options": required(array(_option, 100))})
_dispatch = structure({"trigger_actions_on": optional(array(one_of("on_enter_pressed", "on_character_entered"), 2))})

_interactive: Fields = {
    "action_id": optional(_identifier),
    "confirm": optional(_confirm),
    "focus_on_load": optional(boolean),
}
_with_placeholder: Fields = {**_interactive, "placeholder": optional(text(150, "plain_text"))}
_static: Fields = {
    **_with_placeholder,
    "options": optional(array(_option, 100)),
    "option_groups": optional(array(_option_group, 100)),
}
_typed_text: Fields = {
    "action_id": optional(_identifier),
    "placeholder": optional(text(150, "plain_text")),
    "focus_on_load": optional(boolean),
    "dispatch_action_config": optional(_dispatch),
}
_image_source: Fields = {
    "image_url": optional(url()),
    "slack_file": optional(structure({"id": optional(string(255)), "url": optional(url())})),
}

ELEMENTS: dict[str, Fields] = {
    "button": {
        "text": required(text(75, "plain_text")),
        "action_id": optional(_identifier),
        "url": optional(url()),
        "value": optional(string(2000)),
        "style": optional(one_of("primary", "danger")),
        "confirm": optional(_confirm),
        "accessibility_label": optional(string(75)),
    },
    "static_select": {**_static, "initial_option": optional(_option)},
    "multi_static_select": {
        **_static,
        "initial_options": optional(array(_option, 100)),
        "max_selected_items": optional(integer),
    },
    "external_select": {
        **_with_placeholder,
        "initial_option": optional(_option),
        "min_query_length": optional(integer),
    },
    "users_select": {**_with_placeholder, "initial_user": optional(string(255))},
    "channels_select": {
        **_with_placeholder,
        "initial_channel": optional(string(255)),
        "response_url_enabled": optional(boolean),
    },
    "conversations_select": {
        **_with_placeholder,
        "initial_conversation": optional(string(255)),
        "default_to_current_conversation": optional(boolean),
        "response_url_enabled": optional(boolean),
        "filter": optional(anything),
    },
    "overflow": {
        "action_id": optional(_identifier),
        "confirm": optional(_confirm),
        "options": required(array(_option, 5)),
    },
    "datepicker": {**_with_placeholder, "initial_date": optional(string(10, 10, r"\d{4}-\d\d-\d\d"))},
    "timepicker": {
        **_with_placeholder,
        "initial_time": optional(string(5, 5, r"\d\d:\d\d")),
        "timezone": optional(string(255)),
    },
    "datetimepicker": {**_interactive, "initial_date_time": optional(integer)},
    "checkboxes": {
        **_interactive,
        "options": required(array(_option, 10)),
        "initial_options": optional(array(_option, 10)),
    },
    "radio_buttons": {
        **_interactive,
        "options": required(array(_option, 10)),
        "initial_option": optional(_option),
    },
    "plain_text_input": {
        **_typed_text,
        "initial_value": optional(string(3000, 0)),
        "multiline": optional(boolean),
        "min_length": optional(integer),
        "max_length": optional(integer),
    },
    "number_input": {
        **_typed_text,
        "is_decimal_allowed": required(boolean),
        "initial_value": optional(string(255)),
        "min_value": optional(string(255)),
        "max_value": optional(string(255)),
    },
    "email_text_input": {**_typed_text, "initial_value": optional(string(3000, 0))},
    "url_text_input": {**_typed_text, "initial_value": optional(string(3000, 0))},
    "image": {**_image_source, "alt_text": required(string(2000))},
}

_menus = (
    "static_select",
    "multi_static_select",
    "external_select",
    "users_select",
    "channels_select",
    "conversations_select",
)
_pickers = ("datepicker", "timepicker", "datetimepicker", "checkboxes", "radio_buttons")
_typed_inputs = ("plain_text_input", "number_input", "email_text_input", "url_text_input")

_style = optional(
    structure({name: optional(boolean) for name in ("bold", "italic", "strike", "code", "underline", "highlight")})
)
_inline: dict[str, Fields] = {
    "text": {"text": required(string(12_000)), "style": _style},
    "link": {
        "url": required(url()),
        "text": optional(string(12_000)),
        "unsafe": optional(boolean),
        "style": _style,
    },
    "emoji": {"name": required(string(255)), "unicode": optional(string(255)), "style": _style},
    "user": {"user_id": required(string(255)), "style": _style},
    "channel": {"channel_id": required(string(255)), "style": _style},
    "usergroup": {"usergroup_id": required(string(255)), "style": _style},
    "broadcast": {"range": required(one_of("here", "channel", "everyone")), "style": _style},
    "color": {"value": required(string(255)), "style": _style},
    "date": {
        "timestamp": required(integer),
        "format": required(string(255)),
        "url": optional(url()),
        "fallback": optional(string(255)),
        "style": _style,
    },
}
_line = typed(_inline)
_section: Fields = {"elements": required(array(_line, 1000, 0))}
_rich: dict[str, Fields] = {
    "rich_text_section": _section,
    "rich_text_preformatted": {
        "elements": required(array(typed(_inline, "text", "link"), 1000, 0)),
        "border": optional(integer),
        "language": optional(string(255)),
    },
    "rich_text_quote": {**_section, "border": optional(integer)},
    "rich_text_list": {
        "elements": required(array(typed({"rich_text_section": _section}), 1000)),
        "style": required(one_of("bullet", "ordered")),
        "indent": optional(integer),
        "offset": optional(integer),
        "border": optional(integer),
    },
}
_cells: dict[str, Fields] = {
    "raw_text": {"text": required(string(TABLE_CHARACTERS, 0))},
    "rich_text": {"elements": required(array(typed(_rich), 100)), "block_id": optional(_identifier)},
}

_blocks: dict[str, Fields] = {
    "section": {
        "text": optional(text(3000)),
        "fields": optional(array(text(2000), 10)),
        "accessory": optional(typed(ELEMENTS, "button", "image", "overflow", *_menus, *_pickers)),
        "expand": optional(boolean),
    },
    "header": {"text": required(text(150, "plain_text"))},
    "divider": {},
    "context": {"elements": required(array(typed({"image": ELEMENTS["image"], **text_fields(3000)}), 10))},
    "actions": {"elements": required(array(typed(ELEMENTS, "button", "overflow", *_menus, *_pickers), 25))},
    "image": {**_image_source, "alt_text": required(string(2000)), "title": optional(text(2000, "plain_text"))},
    "rich_text": {"elements": required(array(typed(_rich), 1000))},
    "markdown": {"text": required(string(MARKDOWN_CHARACTERS))},
    "table": {
        "rows": required(array(array(typed(_cells), 20), 100)),
        "column_settings": optional(
            array(
                structure({"align": optional(one_of("left", "center", "right")), "is_wrapped": optional(boolean)}),
                20,
                0,
            )
        ),
    },
}

_labelled: Fields = {
    "label": required(text(2000, "plain_text")),
    "element": required(typed(ELEMENTS, *_menus, *_pickers, *_typed_inputs)),
    "dispatch_action": optional(boolean),
    "hint": optional(text(2000, "plain_text")),
    "optional": optional(boolean),
}
_named: Fields = {"block_id": optional(_identifier)}

BLOCKS: dict[str, Fields] = {kind: {**_named, **fields} for kind, fields in {**_blocks, "input": _labelled}.items()}

MODAL: Fields = {
    "type": required(one_of("modal")),
    "title": required(text(24, "plain_text")),
    "blocks": required(anything),
    "close": optional(text(24, "plain_text")),
    "submit": optional(text(24, "plain_text")),
    "private_metadata": optional(string(3000, 0)),
    "callback_id": optional(string(255, 0)),
    "clear_on_close": optional(boolean),
    "notify_on_close": optional(boolean),
    "external_id": optional(string(255, 0)),
    "submit_disabled": optional(boolean),
}
