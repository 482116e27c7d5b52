# frozen_string_literal: true

require_relative "support/rails_application"

RSpec.describe "rails generate karafka_embedded:install" do
  let(:written) { %w[karafka.rb app/consumers/application_consumer.rb app/consumers/order_events_consumer.rb] }

  # Rails 6.1 waits for ever for parallel tests in an application that has no schema yet
  let(:environment) { { "RAILS_ENV" => "test", "PARALLEL_WORKERS" => "1" } }

  around { |example| RailsApplication.open(environment) { |application| with(application, example) } }

  attr_reader :application

  def with(application, example)
    @application = application
    example.run
  end

  def install
    application.rails("generate", "karafka_embedded:install", "--topic", "order.events")
  end

  def count(file, text)
    application.read(file).scan(text).size
  end

  it "writes what an application needs, with a test that passes" do
    install

    expect(written.map { |file| application.path(file) }).to all(satisfy { |path| File.exist?(path) })
    expect(application.read("config/puma.rb")).to match(/^plugin :karafka_embedded$/)
    expect(application.rails("runner", <<~RUBY)).to end_with("/karafka\n")
      puts Rails.application.routes.routes.find { |route| route.app.app == Karafka::Embedded::Health }.path.spec
    RUBY
    expect(application.rails("test")).to match(/1 runs, \d assertions, 0 failures, 0 errors/)
  end

  it "writes a spec where there are specs, which passes" do
    application.write("spec/rails_helper.rb", 'require_relative "../config/environment"')
    install
    FileUtils.rm_rf(application.path("test"))

    expect(application.program("rspec", "spec")).to include("1 example, 0 failures")
  end

  it "adds nothing twice, and leaves what was changed" do
    install
    application.edit("karafka.rb", /\A/, "# ours\n")
    application.rails("generate", "karafka_embedded:install", "--topic", "order.events", "--skip")

    expect(application.read("karafka.rb")).to start_with("# ours\n")
    expect(count("config/puma.rb", "plugin :karafka_embedded")).to eq(1)
    expect(count("config/routes.rb", "Karafka::Embedded::Health")).to eq(1)
  end

  it "can be taken back" do
    before = %w[config/puma.rb config/routes.rb].to_h { |file| [file, application.read(file)] }
    install
    application.rails("destroy", "karafka_embedded:install", "--topic", "order.events")

    expect(before).to eq(before.to_h { |file, _| [file, application.read(file)] })
    expect(written.select { |file| File.exist?(application.path(file)) }).to be_empty
  end

  it "is what an application without a boot file is told to do" do
    expect { application.rails("runner", "1") }
      .to raise_error(RailsApplication::Failed, /no boot file.*rails generate karafka_embedded:install/m)
  end

  it "leaves the application with Rails' logger, environment and ways to run code" do
    install
    told = application.rails("runner", <<~RUBY)
      code = Karafka::App.config.internal.code
      puts JSON.generate([Karafka.env, Karafka.logger.equal?(Rails.logger), code.class.name, code.reloads?,
                          Karafka::App.routes.flat_map { |group| group.topics.map(&:name) },
                          Karafka::App.config.client_id, Karafka::App.config.embedded.state_path,
                          Rails.autoloaders.main.dirs.grep(/consumers/).size])
    RUBY

    expect(JSON.parse(told.lines.last))
      .to eq(["test", true, "Karafka::Embedded::RailsCode", false, ["order.events"], "shop",
              application.path("tmp/karafka_embedded.json"), 1])
  end
end
